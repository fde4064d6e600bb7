import type { Tensor } from '@tessera/tensor-core';
import { add, div, exp, log, max, maximum, reshape, stopGradient, sub, sum, gather, where } from '@tessera/tensor-core';

/** Stand-in for −∞: large enough that e^(x − max) is 0, and finite, so that differences stay numbers. */
export const minusInfinity = -1e30;

/**
 * Softmax along the last axis over the entries where `visible` is true; zeros for rows that see nothing.
 * @param sink - score of one more entry of each row, last axis 1, whose weight is left out of the result. Absent: none
 */
export function maskedSoftmax(scores: Tensor, visible: Tensor, sink?: Tensor): Tensor {
  if (scores.shape.at(-1) === 0) return scores; // there is no largest element of nothing
  const shown = where(visible, scores, minusInfinity);
  const highest = max(shown, { axis: -1, keepDims: true });
  const top = stopGradient(sink ? maximum(highest, sink) : highest);
  const e = where(visible, exp(sub(shown, top)), 0);
  const mass = sum(e, { axis: -1, keepDims: true });
  return div(e, maximum(sink ? add(mass, exp(sub(sink, top))) : mass, 1e-30));
}

/** Softmax along the last axis. */
export function softmax(x: Tensor): Tensor {
  const e = exp(sub(x, stopGradient(max(x, { axis: -1, keepDims: true }))));
  return div(e, sum(e, { axis: -1, keepDims: true }));
}

/** log Σ e^x along the last axis. `[…, N]` → `[…]` */
export function logSumExp(x: Tensor): Tensor {
  const top = stopGradient(max(x, { axis: -1, keepDims: true }));
  const total = log(sum(exp(sub(x, top)), { axis: -1 }));
  return add(total, reshape(top, total.shape));
}

/** −log p(target) for each position. `logits […, V]`, `targets […]` (i32) → `[…]`, in nats. */
export function crossEntropy(logits: Tensor, targets: Tensor): Tensor {
  return sub(logSumExp(logits), gather(logits, targets, { batchDims: targets.rank }));
}
