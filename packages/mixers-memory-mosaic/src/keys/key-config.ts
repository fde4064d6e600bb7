import { bias, bool, constant, int, linearWeight, normal, number, optional, settingError } from '@tessera/plugin';
import type { Field, Initializer, ParamSpec, ParamSpecs } from '@tessera/plugin';
import type { Tensor } from '@tessera/tensor-core';

/** Settings that both kinds of memory share. */
export interface MemoryConfig {
  /** H, memories side by side. */
  readonly heads: number;
  /** d: width of a key and of a value. @defaultValue dModel / heads */
  readonly headDim?: number;
  /** Entries of which a key is made before the leaky average, the own one included. @defaultValue 1 */
  readonly keyTaps?: number;
  /** β of all heads; absent: learned, |10 · leak| of each head. From 30 on a key is that of its own entry alone. */
  readonly leak?: number;
  /** Biases of all maps. @defaultValue false */
  readonly bias?: boolean;
  /** Added to squared norms as its square: a zero vector then stays zero. @defaultValue 1e-10 */
  readonly normEps?: number;
  /** In training: probability with which a weight of a retrieval is left out. All of them are then in memory. @defaultValue 0 */
  readonly dropout?: number;
}

/** Learned tensors of keys, and of what the heads give. H heads of d elements; scalars of heads are stored as a tenth. */
export interface MemoryParams {
  /** `[H · d, D]`, or `[H · d, D, keyTaps]` with several taps: W_φ. */
  readonly k_proj: Tensor;
  /** `[H · d]` */
  readonly k_bias?: Tensor;
  /** `[H]`: β = |10 · leak|. Absent where the leak is set. */
  readonly leak?: Tensor;
  /** `[H]`: κ = 10 · key_scale. */
  readonly key_scale: Tensor;
  /** `[H]`: ν = 10 · value_scale. */
  readonly value_scale: Tensor;
  /** `[D, H · d]` */
  readonly o_proj: Tensor;
  /** `[D]` */
  readonly o_bias?: Tensor;
}

/** Scalars of heads are stored divided by this, so that an optimiser moves them faster. */
export const scalarFactor = 10;

/** Fields of {@link MemoryConfig}, to be spread into those of a mixer. */
export const memoryFields: { readonly [K in keyof MemoryConfig]-?: Field<MemoryConfig[K]> } = {
  heads: int({ min: 1 }),
  headDim: optional(int({ min: 1 })),
  keyTaps: int({ min: 1, default: 1 }),
  leak: optional(number({ min: 0 })),
  bias: bool({ default: false }),
  normEps: number({ min: 0, default: 1e-10 }),
  dropout: number({ min: 0, max: 1, default: 0 }),
};

/**
 * Width of a head.
 * @throws InvalidSpecError when the heads do not divide the width of the model
 */
export function headDimOf({ heads, headDim }: MemoryConfig, dModel: number): number {
  const d = headDim ?? dModel / heads;
  if (!Number.isInteger(d))
    throw settingError('heads', `is ${heads}, and dModel ${dModel} does not divide into ${heads} heads. Set headDim`, {
      dModel,
      heads,
    });
  return d;
}

/** A map of several entries, `[out, in]` of one. */
export function tappedWeight(out: number, input: number, taps: number): ParamSpec {
  if (taps === 1) return linearWeight(out, input);
  return { shape: [out, input, taps], init: normal((input * taps) ** -0.5) };
}

/** Shapes and first values of what both kinds of memory learn. */
export function memoryParams({
  config,
  dModel: D,
  layers,
}: {
  readonly config: Required<MemoryConfig>;
  readonly dModel: number;
  readonly layers: number;
}): ParamSpecs<MemoryParams> {
  const { heads: H, keyTaps } = config;
  const width = H * headDimOf(config, D);
  return {
    k_proj: tappedWeight(width, D, keyTaps),
    ...(config.bias && { k_bias: bias(width) }),
    ...((config.leak as number | undefined) === undefined && { leak: { shape: [H], init: spread(0.05, 0.5, H) } }),
    key_scale: { shape: [H], init: constant(1 / scalarFactor) },
    value_scale: { shape: [H], init: constant(-0.5 / scalarFactor) },
    o_proj: { shape: [D, width], init: normal((width * layers) ** -0.5) },
    ...(config.bias && { o_bias: bias(D) }),
  };
}

/** Evenly spaced numbers. */
function spread(first: number, last: number, count: number): Initializer {
  const step = count > 1 ? (last - first) / (count - 1) : 0;
  return { kind: 'custom', values: () => Array.from({ length: count }, (_, index) => first + index * step) };
}
