import { ContextOverflowError, ShapeError } from '@tessera/tensor-core';
import type { ModelSpec } from '@tessera/plugin';

/** Windows of text to learn from. */
export interface TrainingBatch {
  /** Ids, row after row, each of `context` + 1: every token but the first of a row is predicted from those before it. */
  readonly tokens: Int32Array;
  readonly rows: number;
  /** Tokens that predict in each row. */
  readonly context: number;
  /**
   * Document of each token, as `tokens`; absent: one document a row. Documents of a row do not see each other, and the first
   * token of one is not predicted.
   */
  readonly segments?: Int32Array | undefined;
  /**
   * As `tokens`: 0 for tokens that nothing is learned of, such as a prompt before its answer, else 1. The loss is the mean over the
   * others of a batch. Absent: all are predicted.
   */
  readonly targets?: Int32Array | undefined;
}

/** Where batches come from, in a fixed order: a `TokenSource` of `@tessera/data`, or {@link batchesOf}. */
export interface BatchSource {
  /** Differs for sources that give other batches, so that a checkpoint is not continued on another one. @defaultValue none is told apart */
  readonly identity?: string;
  /** The next batch; undefined at the end. */
  next(): TrainingBatch | undefined | Promise<TrainingBatch | undefined>;
  /** Where the next batch lies, counted in batches: what was handed over, not what was prepared. */
  position(): number;
  /** Goes on from a position, also one of another source over the same data. */
  seek(position: number): void | Promise<void>;
}

/**
 * Batches of rows that are in memory, over and over in their order.
 * @param rows - lists of context + 1 ids, one row of a batch after another
 */
export function batchesOf(rows: readonly (readonly number[])[], batch: number): BatchSource {
  const count = Math.floor(rows.length / batch);
  if (count === 0)
    throw new ShapeError(`batches: there are ${rows.length} rows, expected at least the ${batch} of one batch.`);
  let next = 0;
  return {
    next() {
      const at = (next++ % count) * batch;
      return batchOf(rows.slice(at, at + batch));
    },
    position: () => next,
    seek: (position) => void (next = position),
  };
}

/** One batch of rows of equal length. */
export function batchOf(rows: readonly (readonly number[])[]): TrainingBatch {
  const length = rows[0]?.length ?? 0;
  if (rows.some((row) => row.length !== length))
    throw new ShapeError(`batch: rows have ${rows.map((row) => row.length).join(', ')} tokens. Give them one length.`);
  return { tokens: Int32Array.from(rows.flat()), rows: rows.length, context: length - 1 };
}

/**
 * @throws {@link ShapeError} when a batch has another size than it says, or an id is outside the vocabulary
 * @throws {@link ContextOverflowError} when rows are longer than the positions that the model has learned
 */
export function checkBatch(batch: TrainingBatch, spec: ModelSpec): void {
  const { tokens, rows, context } = batch;
  const size = rows * (context + 1);
  const parts = (['tokens', 'segments', 'targets'] as const).flatMap((name) => {
    const length = batch[name]?.length;
    return length === undefined ? [] : [{ name, length }];
  });
  if (!(rows >= 1 && context >= 1) || parts.some(({ length }) => length !== size))
    throw new ShapeError(
      `batch: ${parts.map(({ name, length }) => `${length} ${name}`).join(' and ')}, expected ${rows} rows of ${context} + 1.`,
      { facts: { rows, context, tokens: tokens.length } },
    );
  const wrong = tokens.findIndex((id) => id < 0 || id >= spec.vocabSize);
  if (wrong !== -1)
    throw new ShapeError(
      `batch: token ${wrong % (context + 1)} of row ${Math.floor(wrong / (context + 1))} has id ${tokens[wrong]}, and the vocabulary has ids 0 to ${spec.vocabSize - 1}.`,
      { facts: { index: wrong, id: tokens[wrong], vocabSize: spec.vocabSize } },
    );
  const learned = spec.embedding?.positions;
  if (learned !== undefined && context > learned)
    throw new ContextOverflowError(
      `batch: rows have ${context} positions, and the model has learned ${learned}. Make them shorter.`,
      { facts: { positions: context, learned } },
    );
}

/** @throws {@link ShapeError} when batches of one step differ in size */
export function checkAlike([first, ...others]: readonly TrainingBatch[]): void {
  const sizeOf = ({ rows, context, segments, targets }: TrainingBatch): string =>
    `${rows} rows of ${context} + 1${segments ? ' with segments' : ''}${targets ? ' with targets' : ''}`;
  const other = others.find((batch) => sizeOf(batch) !== sizeOf(first!));
  if (other)
    throw new ShapeError(
      `batch: one of a step has ${sizeOf(other)}, expected ${sizeOf(first!)} like the first. Accumulate batches of one size.`,
    );
}
