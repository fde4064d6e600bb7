import { causalConvolution } from '@tessera/ops';
import { pickRows } from '@tessera/plugin';
import { add, concat, expandDims, iota } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';

/**
 * A causal convolution that goes on from `history [B, J − 1, C]`, over rows already aligned (padding only at the end).
 * @returns the output `[B, n, C]` and the last J − 1 entries that count
 */
export function convolveOn(
  x: Tensor,
  weight: Tensor,
  history: Tensor,
  lengths: Tensor,
  bias?: Tensor,
): { y: Tensor; history: Tensor } {
  const kept = history.shape[1]!;
  const y = causalConvolution(x, weight, history, bias);
  const last = add(expandDims(lengths, 1), expandDims(iota([kept]), 0)); // of [history | x], the J − 1 before entry `lengths`
  return { y, history: pickRows(concat([history, x], 1), last) };
}
