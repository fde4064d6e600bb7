import type { AnyMixer, LayerSpec, ModelSpec } from '@tessera/plugin';
import { InvalidSpecError } from '@tessera/tensor-core';

/** What stands in place of softmax attention. */
export interface Replacement {
  readonly mixer: AnyMixer;
  /** Settings beside those that follow from the attention. @defaultValue none */
  readonly config?: object | undefined;
  /** Numbers of the layers. @defaultValue all with softmax attention */
  readonly layers?: readonly number[] | undefined;
}

const softmax = '@tessera/attention-softmax:softmax-attention';

/** Settings of the attention as a spec holds them. */
export interface Attention {
  readonly heads: number;
  readonly kvHeads?: number;
  readonly headDim?: number;
}

/** Numbers of the layers whose attention is replaced. */
export function replacedLayers({ layers }: ModelSpec, asked: readonly number[] | undefined): readonly number[] {
  const found = layers.flatMap(({ mixer }, layer) => (mixer?.type === softmax ? [layer] : []));
  if (found.length === 0)
    throw new InvalidSpecError(
      `linearize: no layer of the model has ${softmax}; it has ${[...new Set(layers.flatMap(({ mixer }) => mixer?.type ?? []))].join(', ') || 'no mixers'}. Take a model with softmax attention.`,
    );
  const other = asked?.find((layer) => !found.includes(layer));
  if (other !== undefined)
    throw new InvalidSpecError(
      `linearize: layer ${other} has ${layers[other]?.mixer?.type ?? 'no mixer'}, expected a layer with softmax attention: ${found.join(', ')}.`,
      { facts: { layer: other, found } },
    );
  return asked ?? found;
}

/**
 * The spec with other mixers in place of softmax attention. Of the attention's settings each mixer gets those that it has by the
 * same or another usual name: heads and their width, biases, norms of queries and keys, rotary positions.
 * @throws {@link InvalidSpecError} when there is nothing to replace
 */
export function linearizedSpec(spec: ModelSpec, { mixer, config = {}, layers }: Replacement): ModelSpec {
  const replaced = new Set(replacedLayers(spec, layers));
  const schema = mixer.config as { readonly jsonSchema?: { readonly properties?: object } };
  const known = Object.keys(schema.jsonSchema?.properties ?? {});
  const replace = (layer: LayerSpec): LayerSpec => {
    const attention = layer.mixer!.config as Attention;
    const follows = Object.entries(settingsOf(attention, spec.dModel, config)).filter(
      ([key, value]) => known.includes(key) && value !== undefined,
    );
    return { ...layer, mixer: { type: mixer.name, config: { ...Object.fromEntries(follows), ...config } } };
  };
  return { ...spec, layers: spec.layers.map((layer, index) => (replaced.has(index) ? replace(layer) : layer)) };
}

/** What follows from an attention, under all the names that mixers have for it. */
function settingsOf(attention: Attention, dModel: number, given: object): Record<string, unknown> {
  const { heads, headDim = dModel / heads, kvHeads = heads } = attention;
  const { parts, learnedFactors } = given as { readonly parts?: unknown; readonly learnedFactors?: unknown };
  return {
    // A retrofit begins with the own group alone, and learns how much of the others it wants.
    ...(parts !== 'local' &&
      learnedFactors !== 'none' && { globalFactor: 0, learnedFactors: 'global', factorsOf: 'head' }),
    ...attention,
    kvHeads,
    headDim,
    keyHeads: heads,
    valueHeads: heads,
    keyDim: headDim,
    valueDim: headDim,
  };
}
