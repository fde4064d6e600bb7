import { foldKey } from '@tessera/tensor-core';
import type { BatchSource } from '@tessera/training';
import { drawOf } from './random-draw.ts';

/** Sizes of a language in which some tokens say that the one before them comes once more. */
export interface BackcopyTask {
  /** Ids: 0 begins a text, those after it are triggers, the rest are words. */
  readonly vocabSize: number;
  readonly triggers: number;
  /** How often a trigger follows a word. */
  readonly triggerShare: number;
}

/** A text, and what predicting it costs at least. */
export interface BackcopyText {
  /** Begins with 0. */
  readonly tokens: readonly number[];
  /** Negative log-likelihood of each token but the first under the language itself, in nats. */
  readonly best: Float64Array;
}

/** Words have likely followers: logits of them are normal with this deviation. */
const sharpness = 2.5;

/** The language, which is the same for all seeds: what follows a word, `[word][id]`. */
function followersOf({ vocabSize, triggers, triggerShare }: BackcopyTask): Float64Array[] {
  const words = vocabSize - 1 - triggers;
  return Array.from({ length: vocabSize }, (_, word) => {
    const { unit } = drawOf(foldKey([0xbac, 0xc0b], word));
    const normal = (): number => Math.sqrt(-2 * Math.log(1 - unit())) * Math.cos(2 * Math.PI * unit());
    const weights = Array.from({ length: words }, () => Math.exp(sharpness * normal()));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    // Nothing but words follows the beginning, since there is nothing to copy.
    const share = word === 0 ? 0 : triggerShare;
    return Float64Array.from({ length: vocabSize }, (__, id) => {
      if (id === 0) return 0;
      return id <= triggers ? share / triggers : ((1 - share) * weights[id - 1 - triggers]!) / total;
    });
  });
}

/**
 * A text of so many tokens after the first: words follow words by a table, and after a trigger the word before it comes again.
 * @see Guo et al. 2024, arXiv:2410.13835: bigram-backcopy, on which one layer of attention learns a sink.
 */
export function backcopyText(task: BackcopyTask, count: number, key: readonly [number, number]): BackcopyText {
  const table = followersOf(task);
  const { unit } = drawOf(key);
  const tokens = [0];
  const best = new Float64Array(count);
  for (let t = 0; t < count; t++) {
    const last = tokens[t]!;
    if (last > 0 && last <= task.triggers) {
      tokens.push(tokens[t - 1]!);
      continue;
    }
    const shares = table[last]!;
    let left = unit();
    let next = shares.findLastIndex((share) => share > 0);
    for (let id = 0; id < next; id++) {
      left -= shares[id]!;
      if (left < 0) next = id;
    }
    tokens.push(next);
    best[t] = -Math.log(shares[next]!);
  }
  return { tokens, best };
}

/** Tokens that are left out of a text that is cut from somewhere. */
const leftOut = 9;

/** Batches of texts, without end, each from its beginning on or from somewhere; another seed gives other texts. */
export function backcopyBatches(task: BackcopyTask, { rows, context, seed, begins }: BackcopyBatches): BatchSource {
  const first = begins ? 0 : leftOut;
  let next = 0;
  return {
    next() {
      const key = foldKey([seed, 0x7ea1], next++);
      const texts = Array.from({ length: rows }, (_, row) =>
        backcopyText(task, first + context, foldKey([...key], row)).tokens.slice(first),
      );
      return { tokens: Int32Array.from(texts.flat()), rows, context };
    },
    position: () => next,
    seek: (position) => void (next = position),
  };
}

/** What {@link backcopyBatches} gives. */
interface BackcopyBatches {
  readonly rows: number;
  readonly context: number;
  readonly seed: number;
  /** True: texts begin with 0. */
  readonly begins: boolean;
}
