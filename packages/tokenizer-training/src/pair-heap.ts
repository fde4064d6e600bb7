/** Two neighbouring symbols, how often they stand together, and where. */
export interface Pair {
  readonly left: number;
  readonly right: number;
  /** Occurrences now. */
  count: number;
  /** Words that hold the pair, or once did; one may be named twice. */
  readonly words: number[];
}

/** A pair with the count that it had when it was put in: less than that of another place means that it is out of date. */
export interface HeapEntry {
  readonly pair: Pair;
  readonly count: number;
}

/** The more frequent pair first; among equals the one with the smaller left, then right symbol. */
const precedes = (a: HeapEntry, b: HeapEntry): boolean =>
  a.count !== b.count
    ? a.count > b.count
    : a.pair.left !== b.pair.left
      ? a.pair.left < b.pair.left
      : a.pair.right < b.pair.right;

/** Binary heap of pairs. */
export class PairHeap {
  readonly #entries: HeapEntry[] = [];

  push(pair: Pair): void {
    const entries = this.#entries;
    const entry = { pair, count: pair.count };
    let at = entries.length;
    entries.push(entry);
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      if (!precedes(entry, entries[parent]!)) break;
      entries[at] = entries[parent]!;
      at = parent;
    }
    entries[at] = entry;
  }

  pop(): HeapEntry | undefined {
    const entries = this.#entries;
    const first = entries[0];
    const entry = entries.pop();
    if (first === undefined || entry === undefined || entries.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= entries.length) break;
      if (child + 1 < entries.length && precedes(entries[child + 1]!, entries[child]!)) child++;
      if (!precedes(entries[child]!, entry)) break;
      entries[at] = entries[child]!;
      at = child;
    }
    entries[at] = entry;
    return first;
  }
}
