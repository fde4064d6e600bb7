import type { Tensor } from '@tessera/tensor-core';
import { fromHost } from '@tessera/tensor-core';
import type { TrainingBatch } from '../batch-source.ts';
import type { BatchTensors } from './next-token-loss.ts';
import type { StepSize } from './train-step.ts';

/** What a batch may have beside its tokens, of the same form. */
export type BesideTokens = 'segments' | 'targets';

/** What a batch has beside its tokens, in the order of {@link batchIds}. */
export function besideTokens(batch: TrainingBatch): readonly BesideTokens[] {
  return (['segments', 'targets'] as const).filter((name) => batch[name] !== undefined);
}

/** Ids of batches of one size as tensors `[A, B, T + 1]`, i32: tokens, and what is beside them. */
export function batchIds(batches: readonly TrainingBatch[], { accumulate, rows, context, beside }: StepSize): Tensor[] {
  return (['tokens', ...beside] as const).map((name) => {
    const ids = new Int32Array(accumulate * rows * (context + 1));
    batches.forEach((batch, index) => ids.set(batch[name]!, index * rows * (context + 1)));
    return fromHost(ids, [accumulate, rows, context + 1], 'i32');
  });
}

/** The tensors of {@link batchIds} by their names. */
export function namedIds([tokens, ...rest]: readonly Tensor[], beside: readonly BesideTokens[]): BatchTensors {
  return { tokens: tokens!, ...Object.fromEntries(beside.map((name, index) => [name, rest[index]!])) };
}
