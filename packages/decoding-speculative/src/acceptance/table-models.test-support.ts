import type { SamplingOptions } from '@tessera/sampling';
import { placeOf, processedDistribution, uniformOf } from '@tessera/sampling';
import { draftNumbers, testNumbers } from '../random-streams.ts';
import type { Acceptance, AcceptanceCall } from './accept-draft.ts';
import type { Draft } from './draft.ts';

/** Tokens of the models of these tests. */
export const V = 8;

/** A model that is a table: what follows depends on the last two tokens. */
export type TableModel = (text: readonly number[]) => Float32Array;

/** What of a text a table depends on. */
const keyOf = (text: readonly number[]): number => text.slice(-2).reduce((sum, token) => sum * (V + 1) + token + 1, 0);

/** A table of random logits. */
export function tableLogits(seed: number): TableModel {
  const rows = new Map<number, Float32Array>();
  return (text) => {
    const step = keyOf(text);
    let row = rows.get(step);
    if (!row) {
      row = Float32Array.from({ length: V }, (_, draw) => 5 * uniformOf({ seed, step, row: 77, draw }) - 2.5);
      rows.set(step, row);
    }
    return row;
  };
}

/** A table of random logits under sampling options. */
export function tableModel(seed: number, options: SamplingOptions): TableModel {
  const logits = tableLogits(seed);
  const rows = new Map<number, Float32Array>();
  return (text) => {
    const key = keyOf(text);
    let row = rows.get(key);
    if (!row) {
      row = processedDistribution(logits(text).slice(), { prompt: text, generated: [] }, options);
      rows.set(key, row);
    }
    return row;
  };
}

/** Proposes what may follow a text. */
export type Drafter = (text: readonly number[], seed: number) => Draft;

/** A chain of so many tokens that a model draws. */
export function chainOf(q: TableModel, length: number): Drafter {
  return (text, seed) => {
    const tokens: number[] = [];
    const rows: Float32Array[] = [];
    while (tokens.length < length) {
      const row = q([...text, ...tokens]);
      const draw = draftNumbers({ seed, step: text.length + tokens.length });
      tokens.push(placeOf(row, draw(0)));
      rows.push(row);
    }
    return { tokens, drawn: { q: rows } };
  };
}

/** A tree whose nodes have so many children at each depth; a model draws them, or gives its likeliest. */
export function treeOf(
  q: TableModel,
  branching: readonly number[],
  way: 'with replacement' | 'without replacement' | 'likeliest',
): Drafter {
  return (text, seed) => {
    const [tokens, parents, rows]: [number[], number[], Float32Array[]] = [[], [], []];
    let level: { node: number; path: number[] }[] = [{ node: -1, path: [] }];
    branching.forEach((children, depth) => {
      const next: typeof level = [];
      for (const { node, path } of level) {
        const row = q([...text, ...path]);
        const left = row.slice();
        const draw = draftNumbers({ seed, step: text.length + depth });
        for (let child = 0; child < children; child++) {
          if (left.every((weight) => weight === 0)) break;
          const token =
            way === 'likeliest' ? left.indexOf(Math.max(...left)) : placeOf(left, draw(node * 4 + 8 + child));
          if (way !== 'with replacement') left[token] = 0;
          next.push({ node: tokens.push(token) - 1, path: [...path, token] });
          parents.push(node);
          rows.push(row);
        }
      }
      level = next;
    });
    if (way === 'likeliest') return { tokens, parents };
    return { tokens, parents, drawn: { q: rows, replacement: way === 'with replacement' } };
  };
}

/** How a draft is decided about. */
export type Decide = (call: AcceptanceCall) => Acceptance;

/** How often each sequence of the first `emitted` tokens came, as a number in base V; and how many proposed tokens stayed. */
export function countTexts(call: {
  readonly p: TableModel;
  readonly drafter: Drafter;
  readonly decide: Decide;
  readonly emitted: number;
  readonly runs: number;
}): { readonly counts: Float64Array; readonly tested: number; readonly accepted: number } {
  const { p, drafter, decide, emitted, runs } = call;
  const counts = new Float64Array(V ** emitted);
  let [tested, accepted] = [0, 0];
  for (let seed = 0; seed < runs; seed++) {
    const text: number[] = [];
    while (text.length < emitted) {
      const draft = drafter(text, seed);
      const { path, next } = decide({
        draft,
        p: (_, nodes) => p([...text, ...nodes.map((node) => draft.tokens[node]!)]),
        uniforms: (depth) => testNumbers({ seed, step: text.length + depth }),
      });
      if (text.length === 0 && draft.tokens.length > 0) {
        tested++;
        if (path.length > 0) accepted++;
      }
      text.push(...path.map((node) => draft.tokens[node]!), next);
    }
    counts[text.slice(0, emitted).reduce((sum, token) => sum * V + token, 0)]!++;
  }
  return { counts, tested, accepted };
}

/** Probability of each sequence of the first `emitted` tokens. */
export function textProbabilities(p: TableModel, emitted: number): Float64Array {
  let level: { text: number[]; probability: number }[] = [{ text: [], probability: 1 }];
  for (let i = 0; i < emitted; i++)
    level = level.flatMap(({ text, probability }) =>
      [...p(text)].map((share, token) => ({ text: [...text, token], probability: probability * share })),
    );
  return Float64Array.from(level, ({ probability }) => probability);
}
