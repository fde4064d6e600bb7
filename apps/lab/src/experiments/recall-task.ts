import { foldKey, threefry } from '@tessera/tensor-core';
import type { BatchSource, TrainingBatch } from '@tessera/training';

/** Sizes of multi-query associative recall. */
export interface RecallTask {
  /** Ids: the lower half of them are keys, the upper half values; 0 fills the rest. */
  readonly vocabSize: number;
  /** Tokens of a row. */
  readonly length: number;
  /** Pairs of a key and its value at the beginning; each key comes once more later, and its value is to be told. */
  readonly pairs: number;
  /** True: beyond that, keys come again at as many further places as are drawn, so that a row teaches more. @defaultValue false */
  readonly often?: boolean | undefined;
}

/** A row: tokens, and 1 for those that are to be told. */
interface RecallRow {
  readonly tokens: readonly number[];
  readonly targets: readonly number[];
}

/**
 * A row of multi-query associative recall: `pairs` keys with their values, then the keys once more in a drawn order at drawn places, each followed
 * by its value.
 * @see Arora et al. 2023, arXiv:2312.04927, section 4.
 */
export function recallRow(
  { vocabSize, length, pairs, often = false }: RecallTask,
  key: readonly [number, number],
): RecallRow {
  let drawn = 0;
  const below = (n: number): number => threefry(key[0], key[1], drawn++, 0)[0] % n;
  const some = (from: number, n: number, count = pairs): number[] => {
    const left = Array.from({ length: n }, (_, index) => from + index);
    return Array.from({ length: count }, () => left.splice(below(left.length), 1)[0]!);
  };
  const half = Math.floor(vocabSize / 2);
  const keys = some(1, half - 1);
  const values = Array.from({ length: pairs }, () => half + below(vocabSize - half));
  const tokens = new Array<number>(length + 1).fill(0);
  const targets = new Array<number>(length + 1).fill(0);
  keys.forEach((each, index) => {
    tokens[2 * index] = each;
    tokens[2 * index + 1] = values[index]!;
  });
  // Places in pairs of tokens after the beginning, drawn without those that are taken.
  const room = Math.floor((length + 1) / 2) - pairs;
  const places = some(pairs, room, often ? pairs + below(room - pairs + 1) : pairs);
  places.forEach((place, index) => {
    const pair = index < pairs ? index : below(pairs);
    tokens[2 * place] = keys[pair]!;
    tokens[2 * place + 1] = values[pair]!;
    targets[2 * place + 1] = 1;
  });
  return { tokens, targets };
}

/** Batches of {@link recallRow}, without end; another seed gives other rows. */
export function recallBatches(task: RecallTask, rows: number, seed: number): BatchSource {
  let next = 0;
  return {
    next: () => recallBatch(task, rows, foldKey([seed, 0], next++)),
    position: () => next,
    seek: (position) => void (next = position),
  };
}

/** One batch of {@link recallRow}. */
export function recallBatch(task: RecallTask, rows: number, key: readonly [number, number]): TrainingBatch {
  const made = Array.from({ length: rows }, (_, row) => recallRow(task, foldKey([...key], row)));
  return {
    tokens: Int32Array.from(made.flatMap(({ tokens }) => tokens)),
    targets: Int32Array.from(made.flatMap(({ targets }) => targets)),
    rows,
    context: task.length,
  };
}
