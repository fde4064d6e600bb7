import type { ConfigReader } from '../config-reader.ts';
import { widest } from '../decoder-fields.ts';
import { readGated } from '../llama-model.ts';
import { readExperts } from '../mixture-fields.ts';
import { gatedPart } from '../parts/feed-forward-parts.ts';
import { mixturePart } from '../parts/mixture-part.ts';
import type { MixtureSettings } from '../parts/mixture-part.ts';
import type { PublishedPart } from '../published-model.ts';

type Router = MixtureSettings['router'];

/** Names of DeepSeek's fields, and their defaults. */
export interface DeepseekMixtureFields {
  readonly dModel: number;
  readonly names: { readonly experts: string; readonly chosen: string; readonly shared: string };
  readonly defaults: {
    readonly hidden: number;
    readonly expertHidden: number;
    readonly experts: number;
    readonly chosen: number;
    readonly shared: number;
  };
  /** `mlp_bias` is read, of dense layers and shared experts. @defaultValue false */
  readonly bias?: boolean;
  /** Maps of one expert. @defaultValue gate_proj, up_proj, down_proj */
  readonly expert?: { readonly gate: string; readonly up: string; readonly down: string };
  router(sizes: { readonly experts: number; readonly expertsPerToken: number }): Router;
}

/** Dense and sparse feed-forwards of models after DeepSeek's. */
export function readDeepseekFeedForwards(
  reader: ConfigReader,
  { dModel, names, defaults, bias = false, expert, router }: DeepseekMixtureFields,
): { readonly dense: PublishedPart; readonly sparse: PublishedPart } {
  const dense = readGated(reader, defaults.hidden, { bias });
  const hidden = reader.int('moe_intermediate_size', defaults.expertHidden, { max: widest });
  const sizes = readExperts(reader, names, defaults);
  const shared = reader.int(names.shared, defaults.shared, { max: 65_536 });
  const chosenBy = router(sizes);
  const { count, chosen } = chosenBy.groups ?? { count: 1, chosen: 1 };
  return {
    dense: gatedPart(dense),
    sparse: mixturePart(
      {
        experts: sizes.experts,
        // Experts of other groups have a weight of zero.
        expertsPerToken: Math.min(sizes.expertsPerToken, (chosen * sizes.experts) / count),
        hidden,
        activation: dense.activation,
        router: chosenBy,
        shared: { hidden: shared * hidden, ...(dense.bias && { bias: true }) },
      },
      { dModel, ...(expert && { expert }) },
    ),
  };
}

/** Groups of experts of which a token chooses some; undefined where it sees all. */
export function readExpertGroups(
  reader: ConfigReader,
  names: { readonly count: string; readonly chosen: string },
  defaults: { readonly count: number; readonly chosen: number },
  { experts, expertsPerToken }: { readonly experts: number; readonly expertsPerToken: number },
  by: 'best' | 'best-two',
): Router['groups'] {
  const count = reader.int(names.count, defaults.count, { max: 65_536 });
  const chosen = reader.int(names.chosen, defaults.chosen, { max: 65_536 });
  if (experts % count !== 0) throw reader.wrong(names.count, `a divisor of the ${experts} experts, not ${count}`);
  if (chosen > count) throw reader.wrong(names.chosen, `at most ${names.count} = ${count}, not ${chosen}`);
  if (by === 'best-two' && experts / count < 2)
    throw reader.wrong(names.count, `a number of groups with two experts or more, not ${count} for ${experts} experts`);
  if (by === 'best-two' && (chosen * experts) / count < expertsPerToken)
    throw reader.wrong(names.chosen, `groups that hold the ${expertsPerToken} experts of a token, not ${chosen}`);
  return chosen === count ? undefined : { count, chosen, by };
}

/** Router by sigmoid scores with a bias where experts are chosen, of DeepSeek-V3 and its kin. */
export function readSigmoidRouter(
  reader: ConfigReader,
  names: { readonly normalize: string; readonly count: string; readonly chosen: string },
  defaults: { readonly scale: number; readonly count: number; readonly chosen: number },
  sizes: { readonly experts: number; readonly expertsPerToken: number },
): Router {
  const normalize = reader.value(names.normalize) !== null && reader.bool(names.normalize, true);
  const scale = reader.number('routed_scaling_factor', defaults.scale);
  const groups = readExpertGroups(reader, names, defaults, sizes, 'best-two');
  return {
    scores: 'sigmoid',
    selectionBias: true,
    ...(groups && { groups }),
    ...(normalize && { normalize, normalizeEps: 1e-20 }),
    ...(scale !== 1 && { scale }),
  };
}

/** Which layers are sparse: all but the first ones. */
export function readFirstDense(reader: ConfigReader, fallback: number): (layer: number) => boolean {
  const dense = reader.int('first_k_dense_replace', fallback, { min: 0 });
  if (reader.int('moe_layer_freq', 1) !== 1)
    reader.warn('moe_layer_freq', 'which has no effect in this family, here as in the published code.');
  // Losses of balance that the published code does not compute, and how it is distributed.
  reader.inert(['aux_loss_alpha', 'seq_aux', 'ep_size']);
  return (layer) => layer >= dense;
}
