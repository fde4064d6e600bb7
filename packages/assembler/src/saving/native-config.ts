import type { ModelSpec } from '@tessera/plugin';

/** `config.json` of a model that no published layout expresses. */
export function nativeConfig(spec: ModelSpec): object {
  const parts = spec.layers.flatMap((layer) => [
    layer.mixer,
    layer.feedForward,
    layer.mixerNorm,
    layer.mixerOutputNorm,
    layer.feedForwardNorm,
    layer.feedForwardOutputNorm,
  ]);
  const packages = new Set(
    [...parts, spec.finalNorm].flatMap((part) => (part ? [part.type.slice(0, part.type.indexOf(':'))] : [])),
  );
  return {
    model_type: 'tessera',
    spec,
    plugins: Object.fromEntries([...packages].toSorted().map((name) => [name, '*'])),
  };
}
