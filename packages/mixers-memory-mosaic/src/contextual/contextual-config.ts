import type { ParamSpecs } from '@tessera/plugin';
import { bias, fields, int, number, optional } from '@tessera/plugin';
import type { Tensor } from '@tessera/tensor-core';
import { headDimOf, memoryFields, memoryParams, tappedWeight } from '../keys/key-config.ts';
import type { MemoryConfig, MemoryParams } from '../keys/key-config.ts';

/** Settings of {@link contextualMemory}. */
export interface ContextualMemoryConfig extends MemoryConfig {
  /**
   * How many entries later a value is made, and its pair readable. 0: with its own entry, which then reads its own pair.
   * @defaultValue 1
   */
  readonly lookAhead?: number;
  /**
   * Entries of which a value is made by a map of their own for each, the last of them `lookAhead` ahead. Absent: a value is
   * (1 − c) p_{t + lookAhead} + c p_t of one map, with a learned c of each head.
   */
  readonly valueTaps?: number;
  /** Largest κ, up to 40: keys have norm e^{min(κ, maxKeyScale)}, and scores have to be numbers. @defaultValue 5 */
  readonly maxKeyScale?: number;
  /** An entry reads the pairs that this many entries up to it have completed. The cache is then a ring. @defaultValue no limit */
  readonly window?: number;
}

/** Learned tensors of {@link contextualMemory}. */
export interface ContextualMemoryParams extends MemoryParams {
  /** `[H · d, D]`, or `[H · d, D, valueTaps]` with several taps: W_ψ. */
  readonly v_proj: Tensor;
  /** `[H · d]` */
  readonly v_bias?: Tensor;
  /** `[H]`: c, how much of a value is of its own entry. Absent with `valueTaps`. */
  readonly peek?: Tensor;
}

/** Schema of {@link ContextualMemoryConfig}. */
export const contextualMemoryConfig = fields<ContextualMemoryConfig>({
  ...memoryFields,
  lookAhead: int({ min: 0, default: 1 }),
  valueTaps: optional(int({ min: 1 })),
  maxKeyScale: number({ max: 40, default: 5 }),
  window: optional(int({ min: 1 })),
}) as ReturnType<typeof fields<ContextualMemoryConfig>>;

/** True where values are mixtures of two entries of one map. */
export function mixesValues({ valueTaps }: ContextualMemoryConfig): boolean {
  return valueTaps === undefined;
}

/** Inputs before the own one that maps of several taps read. */
export function inputsBefore({ keyTaps = 1, valueTaps = 1 }: ContextualMemoryConfig): number {
  return Math.max(keyTaps, valueTaps) - 1;
}

/** Shapes and first values. */
export function contextualMemoryParams(site: {
  readonly config: Required<ContextualMemoryConfig>;
  readonly dModel: number;
  readonly layers: number;
}): ParamSpecs<ContextualMemoryParams> {
  const { config, dModel: D } = site;
  const width = config.heads * headDimOf(config, D);
  return {
    ...memoryParams(site),
    v_proj: tappedWeight(width, D, (config.valueTaps as number | undefined) ?? 1),
    ...(config.bias && { v_bias: bias(width) }),
    ...(mixesValues(config) && { peek: { shape: [config.heads], init: { kind: 'uniform', low: 0, high: 1 } } }),
  };
}
