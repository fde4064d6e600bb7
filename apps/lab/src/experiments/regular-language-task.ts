import { foldKey } from '@tessera/tensor-core';
import type { BatchSource, TrainingBatch } from '@tessera/training';
import { drawOf } from './random-draw.ts';

/** Sizes of languages that are learned in context. */
export interface RegularLanguageTask {
  /** Symbols of all languages; id 0 stands between words. */
  readonly symbols: number;
  /** States of an automaton, from and to. */
  readonly states: readonly [number, number];
  /** Symbols that may follow in a state, from and to. */
  readonly edges: readonly [number, number];
  /** Symbols of a word, from and to. */
  readonly word: readonly [number, number];
  /** Tokens of a row. */
  readonly context: number;
}

/** What follows in each state: the next state of each symbol that may come. */
type Automaton = readonly ReadonlyMap<number, number>[];

/** A random automaton. */
export function randomAutomaton({ symbols, states, edges }: RegularLanguageTask, key: readonly [number, number]): Automaton {
  const { below } = drawOf(key);
  const between = ([from, to]: readonly [number, number]): number => from + below(to - from + 1);
  const count = between(states);
  return Array.from({ length: count }, (_, state) => {
    const left = Array.from({ length: symbols }, (__, symbol) => symbol + 1);
    const next = new Map<number, number>();
    // To another state, so that what may come depends on more than the last symbol.
    const other = (): number => (state + 1 + below(count - 1)) % count;
    for (let edge = between(edges); edge > 0; edge--) next.set(left.splice(below(left.length), 1)[0]!, other());
    return next;
  });
} // prettier-ignore

/** A row: words of one automaton one after another, and for each token which ids may stand there; all of them where a word may end. */
export function regularLanguageRow(
  task: RegularLanguageTask,
  automaton: Automaton,
  key: readonly [number, number],
): { readonly tokens: readonly number[]; readonly allowed: readonly (ReadonlySet<number> | undefined)[] } {
  const { below } = drawOf(key);
  const tokens: number[] = [0];
  const allowed: (ReadonlySet<number> | undefined)[] = [undefined];
  while (tokens.length <= task.context) {
    let state = 0;
    const [shortest, longest] = task.word;
    for (let left = shortest + below(longest - shortest + 1); left > 0; left--) {
      const symbols = [...automaton[state]!.keys()];
      const symbol = symbols[below(symbols.length)]!;
      tokens.push(symbol);
      allowed.push(new Set(symbols));
      state = automaton[state]!.get(symbol)!;
    }
    tokens.push(0);
    allowed.push(undefined);
  }
  return { tokens: tokens.slice(0, task.context + 1), allowed: allowed.slice(0, task.context + 1) };
}

/** Batches of rows of so many automata, without end. */
export function regularLanguageBatches(
  task: RegularLanguageTask,
  { rows, automata, seed }: { readonly rows: number; readonly automata: number; readonly seed: number },
): BatchSource {
  let next = 0;
  return {
    next(): TrainingBatch {
      const key = foldKey([seed, 0x7ea1], next++);
      const { below } = drawOf(key);
      const made = Array.from({ length: rows }, (_, row) =>
        regularLanguageRow(task, trainedAutomaton(task, below(automata)), foldKey([...key], row)),
      );
      return { tokens: Int32Array.from(made.flatMap(({ tokens }) => tokens)), rows, context: task.context };
    },
    position: () => next,
    seek: (position) => void (next = position),
  };
}

/** Automata to learn with have even keys, those to measure with odd ones. */
const trainedAutomaton = (task: RegularLanguageTask, number: number): Automaton =>
  randomAutomaton(task, foldKey([0x4e6, 0xa], 2 * number));

/** Rows of automata that no training sees. */
export function heldRows(task: RegularLanguageTask, rows: number): ReturnType<typeof regularLanguageRow>[] {
  return Array.from({ length: rows }, (_, row) =>
    regularLanguageRow(task, randomAutomaton(task, foldKey([0x4e6, 0xa], 2 * row + 1)), foldKey([0x4e6, 0xb], row)),
  );
}

/** Share of the tokens inside of words for which the largest logit is of a symbol that may stand there. */
export function validShare(rows: readonly ReturnType<typeof regularLanguageRow>[], logits: Float32Array): number {
  const context = rows[0]!.tokens.length - 1;
  const V = logits.length / (rows.length * context);
  let [valid, asked] = [0, 0];
  rows.forEach(({ allowed }, row) =>
    allowed.slice(1).forEach((symbols, t) => {
      if (!symbols) return;
      const start = (row * context + t) * V;
      // Of symbols alone: where a word ends is not told by the automaton.
      let best = 1;
      for (let id = 2; id < V; id++) if (logits[start + id]! > logits[start + best]!) best = id;
      asked++;
      if (symbols.has(best)) valid++;
    }),
  );
  return valid / asked;
}
