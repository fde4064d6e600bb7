import { dropout } from '@tessera/ops';
import type { Call, Links, RouterBalance } from '@tessera/plugin';
import { InvalidSpecError, add, at, mul, randomBits } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import type { ResolvedLayer } from './resolve.ts';
import { paramsOfPart } from './stack-params.ts';
import type { StackParams } from './stack-params.ts';

type NormName = 'mixerNorm' | 'mixerOutputNorm' | 'feedForwardNorm' | 'feedForwardOutputNorm';

/** How the layers of a stack are run. */
export interface LayerRun {
  /** Runs the mixer of a layer: whole sequences, or a step. */
  mix(layer: ResolvedLayer, index: number, call: Call<object, object>): { readonly y: Tensor; readonly links?: Links };
  /** Receives auxiliary losses of feed-forwards. */
  addLoss?(loss: Tensor): void;
  /** Receives what routers did, for a loss over all of them. */
  addBalance?(balance: RouterBalance): void;
}

/**
 * Runs layers one after another on the residual stream.
 * @returns the residual stream at the end, and the links of the stack
 */
export function runLayers(
  layers: readonly ResolvedLayer[],
  call: Call<object, StackParams>,
  { mix, addLoss, addBalance }: LayerRun,
): { x: Tensor; links: Record<string, Tensor> } {
  const { links: _, random, ...shared } = call;
  // Each part draws from a stream of its own: with one key for all, their dropouts would be the same.
  const drops = call.training === true && layers.some(({ residualDropout }) => residualDropout > 0);
  const keys = random && randomBits(random, [(drops ? 4 : 2) * layers.length, 2]);
  const links: Record<string, Tensor> = {};
  let { x } = call;
  layers.forEach((layer, index) => {
    const norm = (name: NormName, value: Tensor): Tensor => {
      const own = layer[name];
      if (!own) return value;
      return own.part.forward({ params: paramsOfPart(call.params, index, name, own), config: own.config, x: value });
    };
    const join = (residual: Tensor, value: Tensor, half: 0 | 1): Tensor => {
      const { factors, residualDropout: probability } = layer;
      const { kept, added } = factors[half];
      const scaled = added === 1 ? value : mul(value, added);
      const stream = kept === 1 ? residual : mul(residual, kept);
      if (!keys || !drops) return add(stream, scaled);
      return add(stream, dropout(scaled, { probability, key: at(keys, 0, 2 * (layers.length + index) + half) }));
    };
    const before = x;
    links[`${index}.x`] = before;
    if (layer.mixer) {
      const input = norm('mixerNorm', before);
      links[`${index}.input`] = input;
      const made = mix(layer, index, {
        ...shared,
        params: paramsOfPart(call.params, index, 'mixer', layer.mixer),
        config: layer.mixer.config,
        x: input,
        ...(keys && { random: at(keys, 0, 2 * index) }),
        ...(layer.mixer.links.length > 0 && { links: linksRead(layer, index, links) }),
      });
      for (const [name, value] of Object.entries(made.links ?? {})) links[`${index}.${name}`] = value;
      x = join(layer.residual === 'normed' ? input : x, norm('mixerOutputNorm', made.y), 0);
    }
    if (layer.feedForward) {
      const input = norm('feedForwardNorm', layer.residual === 'parallel' ? before : x);
      const { y, aux, balance } = layer.feedForward.part.forward({
        params: paramsOfPart(call.params, index, 'feedForward', layer.feedForward),
        config: layer.feedForward.config,
        x: input,
        ...(call.training !== undefined && { training: call.training }),
        ...(keys && { random: at(keys, 0, 2 * index + 1) }),
      });
      if (aux) addLoss?.(aux);
      if (balance) addBalance?.(balance);
      x = join(layer.residual === 'normed' ? input : x, norm('feedForwardOutputNorm', y), 1);
    }
  });
  links[`${layers.length}.x`] = x;
  return { x, links };
}

/**
 * What the mixer of a layer reads of earlier ones.
 * @throws {@link InvalidSpecError} when the earlier layer gives no output of that name
 */
export function linksRead({ mixer }: ResolvedLayer, index: number, links: Links): Record<string, Tensor> {
  return Object.fromEntries(
    mixer!.links.map(({ input, layer, output }) => {
      const value = links[`${layer}.${output}`];
      if (value) return [input, value];
      const given = Object.keys(links).flatMap((name) => (name.startsWith(`${layer}.`) ? [name.split('.')[1]] : []));
      throw new InvalidSpecError(
        `spec.layers.${index}.mixer.links: '${input}' reads '${output}' of layer ${layer}, which gives ${given.join(', ')}.`,
        { facts: { layer: index, input, from: layer, output, given } },
      );
    }),
  );
}
