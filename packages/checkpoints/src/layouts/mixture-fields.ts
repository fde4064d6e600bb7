import type { ConfigReader } from './config-reader.ts';

/** Most experts that a config may ask for. */
const mostExperts = 65_536;

/** Number of routed experts, and of those that a token takes, under their names of a family. */
export function readExperts(
  reader: ConfigReader,
  names: { readonly experts: string; readonly chosen: string },
  defaults: { readonly experts: number; readonly chosen: number },
): { readonly experts: number; readonly expertsPerToken: number } {
  const experts = reader.int(names.experts, defaults.experts, { max: mostExperts });
  const expertsPerToken = reader.int(names.chosen, defaults.chosen, { max: mostExperts });
  if (expertsPerToken > experts)
    throw reader.wrong(names.chosen, `at most ${names.experts} = ${experts}, not ${expertsPerToken}`);
  return { experts, expertsPerToken };
}

/** Weight of the loss of balance in training: `router_aux_loss_coef` where `output_router_logits` is true. */
export function readBalance(reader: ConfigReader, fallback: number): number | undefined {
  const weight = reader.number('router_aux_loss_coef', fallback, { min: 0 });
  return reader.bool('output_router_logits', false) && weight > 0 ? weight : undefined;
}
