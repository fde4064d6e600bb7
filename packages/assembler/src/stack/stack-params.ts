import type { ParamSpec } from '@tessera/plugin';
import { layerSlots } from '@tessera/plugin';
import type { Tensor } from '@tessera/tensor-core';
import type { Resolved, ResolvedLayer } from './resolve.ts';

/** Learned tensors of a stack by path: `0.mixer.q_proj`. */
export type StackParams = Readonly<Record<string, Tensor>>;

/** Shapes and initial values of the learned tensors of a stack. */
export function stackParams(layers: readonly ResolvedLayer[]): Record<string, ParamSpec> {
  return Object.fromEntries(
    layers.flatMap((layer, index) =>
      layerSlots.flatMap((name) =>
        Object.entries(layer[name]?.params ?? {}).map(([key, spec]) => [`${index}.${name}.${key}`, spec] as const),
      ),
    ),
  );
}

/** The learned tensors of one part, under its own names. */
export function paramsOfPart(
  params: StackParams,
  index: number,
  name: (typeof layerSlots)[number],
  part: Resolved<unknown>,
): Record<string, Tensor> {
  return Object.fromEntries(Object.keys(part.params).map((key) => [key, params[`${index}.${name}.${key}`]!]));
}
