import { PairHeap } from './pair-heap.ts';
import type { Pair } from './pair-heap.ts';

/** Symbols are below this, so that two make an exact number. */
export const mostSymbols: number = 1 << 21;

/** Words as runs of symbols, with the count of every pair of neighbours kept up to date while pairs are merged. */
export class PairCounts {
  readonly #symbols: Int32Array;
  readonly #starts: Int32Array;
  readonly #lengths: Int32Array;
  readonly #frequencies: Float64Array;
  readonly #pairs = new Map<number, Pair>();
  readonly #heap = new PairHeap();

  /** @param words - symbols of each word and how often it occurs */
  constructor(words: readonly { readonly symbols: ArrayLike<number>; readonly frequency: number }[]) {
    this.#symbols = new Int32Array(words.reduce((sum, { symbols }) => sum + symbols.length, 0));
    this.#starts = new Int32Array(words.length);
    this.#lengths = new Int32Array(words.length);
    this.#frequencies = new Float64Array(words.length);
    let start = 0;
    for (const [word, { symbols, frequency }] of words.entries()) {
      this.#symbols.set(symbols, start);
      this.#starts[word] = start;
      this.#lengths[word] = symbols.length;
      this.#frequencies[word] = frequency;
      for (let i = 1; i < symbols.length; i++) this.#add(symbols[i - 1]!, symbols[i]!, word, frequency);
      start += symbols.length;
    }
    for (const pair of this.#pairs.values()) this.#heap.push(pair);
  }

  #add(left: number, right: number, word: number, change: number): Pair {
    const key = left * mostSymbols + right;
    let pair = this.#pairs.get(key);
    if (pair === undefined) {
      pair = { left, right, count: 0, words: [] };
      this.#pairs.set(key, pair);
    }
    pair.count += change;
    if (change > 0 && pair.words.at(-1) !== word) pair.words.push(word);
    return pair;
  }

  /** Takes out the most frequent pair; among equals the one with the smaller symbols. `undefined` where none occurs `least` times. */
  takeMostFrequent(least: number): Pair | undefined {
    for (;;) {
      const entry = this.#heap.pop();
      if (entry === undefined || entry.count < least) return undefined;
      const { pair } = entry;
      if (pair.count === entry.count) {
        this.#pairs.delete(pair.left * mostSymbols + pair.right);
        return pair;
      }
      if (pair.count >= least) this.#heap.push(pair);
    }
  }

  /** Puts `symbol` wherever the pair stands, from left to right. */
  merge({ left, right, words }: Pair, symbol: number): void {
    const symbols = this.#symbols;
    const grown = new Set<Pair>();
    for (const word of words) {
      const start = this.#starts[word]!;
      const end = start + this.#lengths[word]!;
      const frequency = this.#frequencies[word]!;
      let to = start;
      for (let from = start; from < end; from++) {
        if (symbols[from] !== left || from + 1 >= end || symbols[from + 1] !== right) {
          symbols[to++] = symbols[from]!;
          continue;
        }
        if (to > start) {
          this.#add(symbols[to - 1]!, left, word, -frequency);
          grown.add(this.#add(symbols[to - 1]!, symbol, word, frequency));
        }
        from++;
        if (from + 1 < end) {
          this.#add(right, symbols[from + 1]!, word, -frequency);
          grown.add(this.#add(symbol, symbols[from + 1]!, word, frequency));
        }
        symbols[to++] = symbol;
      }
      this.#lengths[word] = to - start;
    }
    // Pairs that became rarer are put right when they come up.
    for (const pair of grown) if (pair.count > 0) this.#heap.push(pair);
  }
}
