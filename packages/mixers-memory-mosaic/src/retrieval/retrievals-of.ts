import type { Links } from '@tessera/plugin';
import type { Device, Tensor } from '@tessera/tensor-core';
import { FeatureUnavailableError, disposeTree, fromHost, iota, trace, zeros } from '@tessera/tensor-core';
import { contextualMemory } from '../contextual/contextual-memory.ts';
import type { ContextualMemoryConfig, ContextualMemoryParams } from '../contextual/contextual-config.ts';
import { retrievalWeights } from './retrieval-weights.ts';

/** A model with memories among its layers, as an assembler makes it. */
export interface ModelWithMemories {
  readonly device: Device;
  readonly params: Readonly<Record<string, Tensor>>;
  readonly graph: {
    readonly resolved: {
      readonly layers: readonly {
        readonly mixer:
          | { readonly part: { readonly name: string }; readonly config: object; readonly params: object }
          | undefined;
      }[];
    };
    /** Whole sequences; what the mixer of layer N reads is the link `N.input`. */
    forward(
      params: Readonly<Record<string, Tensor>>,
      batch: { readonly tokens: Tensor; readonly starts: Tensor; readonly lengths: Tensor },
    ): { readonly links: Links };
  };
  /** Throws when an id is outside the vocabulary. */
  checkIds(ids: readonly number[]): void;
}

/** What the heads of one layer retrieve over one sequence. */
export interface LayerRetrieval {
  readonly layer: number;
  readonly heads: number;
  /** T, tokens of the sequence. */
  readonly length: number;
  /** `[H, T, T]`, row-major: the weight with which position t reads the pair of position s. */
  readonly weights: Float32Array;
}

/** A pair that a head retrieves. */
export interface RetrievedPair {
  /** Position of its key; its value is made of this position and the next. */
  readonly position: number;
  readonly weight: number;
}

/**
 * What each head of each contextual memory of a model retrieves for a text. The model is run whole, on its own device.
 * @throws {@link FeatureUnavailableError} when no layer is a contextual memory
 *
 * {@includeCode ../../examples/induction.ts#model}
 */
export async function retrievalsOf(model: ModelWithMemories, tokens: readonly number[]): Promise<LayerRetrieval[]> {
  const { device, graph, params } = model;
  const memories = graph.resolved.layers.flatMap(({ mixer }, layer) =>
    mixer?.part.name === contextualMemory.name ? [{ layer, mixer }] : [],
  );
  if (memories.length === 0)
    throw new FeatureUnavailableError(
      `No layer of this model is a ${contextualMemory.name}, so there is no retrieval to show. Take a model with contextual memories.`,
    );
  const T = tokens.length;
  if (T === 0) return [];
  model.checkIds(tokens);
  const weights = (ids: Tensor): Tensor[] => {
    const batch = { tokens: ids, starts: zeros([1], 'i32'), lengths: fromHost(Int32Array.of(T), [1]) };
    const { links } = graph.forward(params, batch);
    return memories.map(({ layer, mixer }) =>
      retrievalWeights({
        ...batch,
        params: paramsOf(params, `layers.${layer}.mixer.`, Object.keys(mixer.params)),
        config: mixer.config as ContextualMemoryConfig,
        x: links[`${layer}.input`]!,
        positions: iota([1, T], 1),
      }),
    );
  };
  const program = await device.compile(trace((ids) => weights(ids!), [{ shape: [1, T], dtype: 'i32' }]));
  const made = program.run([fromHost(Int32Array.from(tokens), [1, T])]);
  try {
    const read = await Promise.all(made.map((tensor) => device.read(tensor)));
    return memories.map(({ layer }, index) => ({
      layer,
      heads: made[index]!.shape[1]!,
      length: T,
      weights: Float32Array.from(read[index]!),
    }));
  } finally {
    disposeTree(made);
    program.dispose();
  }
}

/** The pairs that a head reads most at a position, the one with the largest weight first. */
export function strongestPairs(
  { length: T, weights }: LayerRetrieval,
  { head, position, count }: { readonly head: number; readonly position: number; readonly count: number },
): RetrievedPair[] {
  const from = (head * T + position) * T;
  return Array.from(weights.subarray(from, from + T), (weight, place) => ({ position: place, weight }))
    .filter(({ weight }) => weight > 0)
    .toSorted((a, b) => b.weight - a.weight)
    .slice(0, count);
}

function paramsOf(
  params: Readonly<Record<string, Tensor>>,
  prefix: string,
  names: readonly string[],
): ContextualMemoryParams {
  return Object.fromEntries(names.map((name) => [name, params[prefix + name]!])) as unknown as ContextualMemoryParams;
}
