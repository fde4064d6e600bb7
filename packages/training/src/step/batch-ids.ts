import type { Tensor } from '@tessera/tensor-core';
import { fromHost } from '@tessera/tensor-core';
import type { TrainingBatch } from '../batch-source.ts';
import type { StepSize } from './train-step.ts';

/** Ids of batches of one size as tensors `[A, B, T + 1]`, i32: tokens, and segments where there are any. */
export function batchIds(
  batches: readonly TrainingBatch[],
  { accumulate, rows, context, segmented }: StepSize,
): Tensor[] {
  const joined = (of: (batch: TrainingBatch) => Int32Array): Tensor => {
    const ids = new Int32Array(accumulate * rows * (context + 1));
    batches.forEach((batch, index) => ids.set(of(batch), index * rows * (context + 1)));
    return fromHost(ids, [accumulate, rows, context + 1], 'i32');
  };
  return [joined(({ tokens }) => tokens), ...(segmented ? [joined(({ segments }) => segments!)] : [])];
}
