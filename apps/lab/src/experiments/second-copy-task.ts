import { foldKey } from '@tessera/tensor-core';
import type { BatchSource, TrainingBatch } from '@tessera/training';
import { drawOf } from './random-draw.ts';

/** Sizes of the second copy of a random sequence. */
export interface SecondCopyTask {
  readonly vocabSize: number;
  /** Tokens of a copy, drawn for each row: where a token came before is then told by no distance. */
  readonly shortest: number;
  readonly longest: number;
}

/** A row: copies of a random sequence until it is full, and 1 for each token of the second copy that can be known. */
export function secondCopyRow(
  { vocabSize, shortest, longest }: SecondCopyTask,
  key: readonly [number, number],
): { readonly tokens: readonly number[]; readonly targets: readonly number[]; readonly length: number } {
  const { below } = drawOf(key);
  const length = shortest + below(longest - shortest + 1);
  const copy = Array.from({ length }, () => below(vocabSize));
  const places = Array.from({ length: 2 * longest + 1 }, (_, t) => t);
  return {
    tokens: places.map((t) => copy[t % length]!),
    // The first token of the second copy cannot be known: the copy may be longer.
    targets: places.map((t) => (t > length && t < 2 * length ? 1 : 0)),
    length,
  };
}

/** One batch of {@link secondCopyRow}. */
export function secondCopyBatch(task: SecondCopyTask, rows: number, key: readonly [number, number]): TrainingBatch {
  const made = Array.from({ length: rows }, (_, row) => secondCopyRow(task, foldKey([...key], row)));
  return {
    tokens: Int32Array.from(made.flatMap(({ tokens }) => tokens)),
    targets: Int32Array.from(made.flatMap(({ targets }) => targets)),
    rows,
    context: 2 * task.longest,
  };
}

/** Batches of {@link secondCopyRow}, without end; another seed gives other rows. */
export function secondCopyBatches(task: SecondCopyTask, rows: number, seed: number): BatchSource {
  let next = 0;
  return {
    next: () => secondCopyBatch(task, rows, foldKey([seed, 0], next++)),
    position: () => next,
    seek: (position) => void (next = position),
  };
}

/** Share of the targets of a batch that have the largest logit. */
export function targetsTold({ tokens, targets, rows, context }: TrainingBatch, logits: Float32Array): number {
  const V = logits.length / (rows * context);
  let [right, asked] = [0, 0];
  for (let row = 0; row < rows; row++)
    for (let t = 0; t < context; t++) {
      const next = row * (context + 1) + t + 1;
      if (targets![next] !== 1) continue;
      const start = (row * context + t) * V;
      let best = 0;
      for (let id = 1; id < V; id++) if (logits[start + id]! > logits[start + best]!) best = id;
      asked++;
      if (best === tokens[next]) right++;
    }
  return right / asked;
}
