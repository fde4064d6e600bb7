import type { TokenCorpus } from '../tokens/token-corpus.ts';

/** How documents are laid into windows. */
export type Packing = 'joined' | 'segmented' | 'separate';

/** Where windows begin. */
export interface WindowTable {
  /** Number of windows. */
  readonly count: number;
  /** First token of a window. */
  start(window: number): number;
}

/** Windows over a run of `length` tokens: each begins with the last token of the one before, the rest that fills none is left out. */
const windowsIn = (length: number, T: number): number => Math.max(0, Math.floor((length - 1) / T));

/** Windows over all tokens, whatever documents they belong to. */
function joinedWindows(corpus: TokenCorpus, T: number): WindowTable {
  return { count: windowsIn(corpus.length, T), start: (window) => window * T };
}

/** Windows inside documents. */
function separateWindows(corpus: TokenCorpus, T: number): WindowTable {
  const before: number[] = []; // windows before each document that has one
  const starts: number[] = [];
  let count = 0;
  for (let document = 0; document < corpus.documents; document++) {
    const start = corpus.documentStart(document);
    const windows = windowsIn(corpus.documentStart(document + 1) - start, T);
    if (windows === 0) continue;
    before.push(count);
    starts.push(start);
    count += windows;
  }
  return {
    count,
    start(window) {
      let low = 0;
      let high = before.length;
      while (high - low > 1) {
        const middle = (low + high) >>> 1;
        if (before[middle]! <= window) low = middle;
        else high = middle;
      }
      return starts[low]! + (window - before[low]!) * T;
    },
  };
}

/** The windows of a corpus for one packing. */
export function windowTable(corpus: TokenCorpus, T: number, packing: Packing): WindowTable {
  return packing === 'separate' ? separateWindows(corpus, T) : joinedWindows(corpus, T);
}
