import { FeatureUnavailableError } from '@tessera/tensor-core';
import type { ResolvedLayer } from './resolve.ts';

/** Why a stack cannot generate, or nothing when it can. */
export function refusesDecoding(layers: readonly ResolvedLayer[]): FeatureUnavailableError | undefined {
  const index = layers.findIndex((layer) => layer.mixer && !layer.mixer.part.decoding);
  if (index < 0) return undefined;
  const { name } = layers[index]!.mixer!.part;
  return new FeatureUnavailableError(
    `layers.${index}.mixer (${name}) has no decoding: it looks at the whole sequence. The model can run forward, not generate.`,
    { facts: { layer: index, mixer: name } },
  );
}
