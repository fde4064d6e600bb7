import type { AnyMixer, LayerSpec, LinkSpec, MixerSpec, MixerUse, ModelSpec } from '@tessera/plugin';

/** A mixer as one writes it into a list of layers: called with its settings, or by its full name. */
export type MixerInput = MixerSpec | (MixerUse & { readonly links?: readonly LinkSpec[] });

/** A layer whose mixer may be given by value. */
export interface LayerSpecInput extends Omit<LayerSpec, 'mixer'> {
  readonly mixer?: MixerInput;
}

/**
 * A model spec written in code: as {@link ModelSpec}, and mixers may be given by value.
 *
 * {@includeCode ../examples/assemble.ts#assemble}
 */
export interface ModelSpecInput extends Omit<ModelSpec, 'layers'> {
  readonly layers: readonly LayerSpecInput[];
}

/** Takes mixers that are given by value out of a spec: what is left is plain JSON, not yet checked. */
export function takeMixers(given: ModelSpecInput): { spec: unknown; mixers: readonly AnyMixer[] } {
  const mixers: AnyMixer[] = [];
  const { layers } = (given ?? {}) as Partial<ModelSpecInput>;
  if (!Array.isArray(layers)) return { spec: given, mixers };
  const plain = layers.map((layer: LayerSpecInput): unknown => {
    const mixer = layer?.mixer;
    if (!isUse(mixer)) return layer;
    const { mixer: part, ...settings } = mixer;
    mixers.push(part);
    return { ...layer, mixer: { type: part.name, ...settings } };
  });
  return { spec: { ...given, layers: plain }, mixers };
}

function isUse(mixer: MixerInput | undefined): mixer is Extract<MixerInput, MixerUse> {
  const part = (mixer as Partial<MixerUse> | null | undefined)?.mixer;
  return (typeof part === 'object' && part !== null) || typeof part === 'function';
}
