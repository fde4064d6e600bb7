import { l2Normalize, linear } from '@tessera/ops';
import type { Entries } from '@tessera/plugin';
import { abs, exp, full, minimum, mul, reshape, stack } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import { entriesBefore } from './entries-before.ts';
import { headDimOf, scalarFactor } from './key-config.ts';
import type { MemoryConfig, MemoryParams } from './key-config.ts';
import { leakyAverage } from './leaky-average.ts';

/** What keys are made of. */
export interface KeysCall {
  readonly params: MemoryParams;
  readonly config: Required<MemoryConfig>;
  /** `[B, n, D]`, aligned. */
  readonly x: Tensor;
  /** Inputs before those of the call, at least keyTaps − 1 of them, `[B, J, D]`; absent where no map has several taps. */
  readonly inputs?: Tensor | undefined;
  /** k̄ before the first entry, `[B, H, 1, d]`. */
  readonly average: Tensor;
  readonly entries: Entries;
}

/**
 * Keys n(k̄_t) of norm 1, k̄_t = e^{−β} k̄_{t−1} + x_t W_φ.
 * @returns keys `[B, n, H, d]`, and k̄ after the last entry that counts
 */
export function unitKeys({ params, config, x, inputs, average, entries }: KeysCall): { keys: Tensor; average: Tensor } {
  const [B, n, D] = x.shape as [number, number, number];
  const { heads: H } = config;
  const u = tapped({ x, inputs, entries }, params.k_proj, params.k_bias);
  const beta = params.leak ? mul(abs(params.leak), scalarFactor) : full([H], config.leak);
  const made = leakyAverage(reshape(u, [B, n, H, headDimOf(config, D)]), beta, average, entries);
  return { keys: unit(made.averages, config), average: made.average };
}

/** n(y) = y / √(‖y‖² + ε²), along the last axis. */
export function unit(y: Tensor, { normEps }: Pick<Required<MemoryConfig>, 'normEps'>): Tensor {
  return l2Normalize(y, normEps ** 2);
}

/** Multiplies each head of `y [B, n, H, d]` by e^{min(10 · scale, limit)}, `scale [H]`. */
export function scaleHeads(
  y: Tensor,
  scale: Tensor,
  { times = 1, limit }: { times?: number; limit?: number } = {},
): Tensor {
  const exponent = mul(scale, times * scalarFactor);
  return mul(y, reshape(exp(limit === undefined ? exponent : minimum(exponent, limit)), [1, 1, scale.shape[0]!, 1]));
}

/** What a map of several taps reads. */
export interface Tapped {
  /** `[B, n, D]`, aligned. */
  readonly x: Tensor;
  /** What stood before, `[B, J, D]`. */
  readonly inputs?: Tensor | undefined;
  readonly entries: Entries;
}

/** y_t = Σ_j x_{t − (J − 1) + j} W_jᵀ + b for a weight `[out, in, J]`, or x_t Wᵀ + b for `[out, in]`; `[B, n, out]`. */
export function tapped({ x, inputs, entries }: Tapped, weight: Tensor, biasOf: Tensor | undefined): Tensor {
  if (weight.rank === 2) return linear(x, weight, biasOf);
  const [out, D, taps] = weight.shape as [number, number, number];
  const read = Array.from({ length: taps }, (_, j) => entriesBefore(x, inputs!, taps - 1 - j, entries));
  const rows = reshape(stack(read, 3), [...x.shape.slice(0, 2), D * taps]); // elements, then taps, as in the weight
  return linear(rows, reshape(weight, [out, D * taps]), biasOf);
}
