import { threefry, UnsupportedOptionError } from '@tessera/tensor-core';
import { DataError } from '../data-error.ts';
import { seedKey } from '../seed-key.ts';
import type { Key } from '../seed-key.ts';
import type { TokenCorpus } from '../tokens/token-corpus.ts';
import { checkCount, countedSource } from './counted-source.ts';
import { permutation } from './permutation.ts';
import type { TokenSource } from './token-source.ts';
import { windowTable } from './window-table.ts';
import type { Packing } from './window-table.ts';

/** Options of {@link corpusSource}. */
export interface CorpusSourceOptions {
  /** Windows of a batch B. */
  readonly rows: number;
  /** Positions of a window that the model sees, T; a window holds one token more. */
  readonly context: number;
  /**
   * `joined`: documents follow each other, and a window sees all that it holds. `segmented`: the same windows, with `segments` that keep documents apart.
   * `separate`: windows are cut from each document alone, and the rest that fills none is left out; for text that is measured, and long documents.
   * @defaultValue 'joined'
   */
  readonly packing?: Packing;
  /**
   * Shuffles the windows anew in every epoch; `null` gives them in order.
   * @defaultValue 0
   */
  readonly seed?: number | null;
  /**
   * Times that all windows are given.
   * @defaultValue Infinity
   */
  readonly epochs?: number;
  /**
   * Moves the borders of windows by a number of tokens drawn for each epoch, so that a token is not always seen at the same place. It costs at most one
   * window, and needs a seed. Not with `separate` packing.
   * @defaultValue false
   */
  readonly shiftWindows?: boolean;
  /**
   * What becomes of windows at the end that fill no batch: `drop` leaves them out, `short` gives a last batch of fewer rows.
   * @defaultValue 'drop'
   */
  readonly rest?: 'drop' | 'short';
}

const last = <Value>(make: (key: number) => Value): ((key: number) => Value) => {
  let known: { readonly key: number; readonly value: Value } | undefined;
  return (key) => (known?.key === key ? known : (known = { key, value: make(key) })).value;
};

/**
 * Batches of windows of a corpus. Window w of a run of tokens holds tokens wT to (w + 1)T: every token but the first is a target once an epoch.
 *
 * {@includeCode ../../examples/batches.ts#batches}
 *
 * @throws {@link DataError} if the corpus does not fill a window, or `drop` leaves no batch.
 * @throws {@link UnsupportedOptionError} if `rows`, `context` or `epochs` is not a whole number from 1 on, the seed none from 0 on, or options contradict.
 */
export function corpusSource(corpus: TokenCorpus, options: CorpusSourceOptions): TokenSource {
  const { rows: B, context: T, packing = 'joined', seed = 0, epochs = Infinity, rest = 'drop' } = options;
  checkCount(B, 'rows');
  checkCount(T, 'context');
  if (epochs !== Infinity) checkCount(epochs, 'epochs');
  const keys = seed === null ? undefined : { order: seedKey(seed, 'shuffle'), shift: seedKey(seed, 'shift') };
  const table = windowTable(corpus, T, packing);
  const shifted = options.shiftWindows === true;
  if (shifted && (packing === 'separate' || keys === undefined))
    throw new UnsupportedOptionError(
      'shiftWindows needs a seed, and packing joined or segmented. Leave it out, or change those.',
    );
  const n = shifted ? Math.max(0, Math.floor(corpus.length / T) - 1) : table.count; // those that any shift leaves
  const windows = epochs * n;
  const batches = rest === 'drop' ? Math.floor(windows / B) : Math.ceil(windows / B);
  if (n === 0 || batches === 0)
    throw new DataError(
      `${corpus.name}: ${corpus.length} tokens in ${corpus.documents} documents give ${n} windows of ${T + 1} tokens (${packing}), expected at least ${rest === 'drop' ? B : 1}. Use more text, shorter windows or fewer rows.`,
      { facts: { tokens: corpus.length, documents: corpus.documents, windows: n, rows: B, context: T, packing } },
    );

  const fold = (key: Key, epoch: number): Key => threefry(key[0], key[1], epoch, 0);
  const orderOf = last((epoch) =>
    keys === undefined ? (place: number) => place : permutation(n, fold(keys.order, epoch)),
  );
  const shiftOf = (epoch: number): number => (keys !== undefined && shifted ? fold(keys.shift, epoch)[0] % T : 0);
  const startOf = (place: number): number => {
    const epoch = Math.floor(place / n);
    return table.start(orderOf(epoch)(place % n)) + shiftOf(epoch);
  };
  const segment = (start: number, into: Int32Array, offset: number): void => {
    let document = corpus.documentOf(start);
    let end = corpus.documentStart(document + 1);
    for (let i = 0, number = 0; i <= T; i++) {
      while (start + i >= end && document + 1 < corpus.documents) {
        end = corpus.documentStart(++document + 1);
        number++;
      }
      into[offset + i] = number;
    }
  };

  const identity = `corpus ${corpus.identity} ${JSON.stringify([B, T, packing, seed, shifted])}`;
  return countedSource(
    { name: corpus.name, identity, rows: B, context: T, vocabSize: corpus.vocabSize, batches },
    (position) => {
      const rows = Math.min(B, windows - position * B);
      const tokens = new Int32Array(rows * (T + 1));
      const segments = packing === 'segmented' ? new Int32Array(rows * (T + 1)) : undefined;
      for (let row = 0; row < rows; row++) {
        const start = startOf(position * B + row);
        corpus.copy(start, T + 1, tokens, row * (T + 1));
        if (segments) segment(start, segments, row * (T + 1));
      }
      return { rows, context: T, tokens, ...(segments && { segments }) };
    },
  );
}
