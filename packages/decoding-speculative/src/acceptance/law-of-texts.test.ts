import { describe, expect, test } from 'vitest';
import { acceptDraft } from './accept-draft.ts';
import { chiSquare } from './chi-square.test-support.ts';
import type { Decide, Drafter } from './table-models.test-support.ts';
import { V, chainOf, countTexts, tableModel, textProbabilities, treeOf } from './table-models.test-support.ts';
import { approximateTypicalAcceptance } from './typical-acceptance.ts';

const runs = 100_000;
const target = { temperature: 0.9, topK: 6, topP: 0.9 };
const plain = tableModel(1, { temperature: 1 });
const narrowed = tableModel(1, target);
const draft = tableModel(2, { temperature: 1 });
const warmer = tableModel(1, { temperature: 1.7 });
const drafters: readonly [string, (q: typeof draft) => Drafter][] = [
  ['a chain of one', (q) => chainOf(q, 1)],
  ['a chain of three', (q) => chainOf(q, 3)],
  ['a tree drawn with replacement', (q) => treeOf(q, [3, 2], 'with replacement')],
  ['a tree drawn without replacement', (q) => treeOf(q, [3, 2], 'without replacement')],
  ['a tree of the likeliest', (q) => treeOf(q, [3, 2], 'likeliest')],
];

interface Fit {
  readonly statistic: number;
  readonly limit: number;
}

/** Of the first two and of the first three tokens. */
function fits(p: typeof plain, drafter: Drafter, decide: Decide): { readonly two: Fit; readonly three: Fit } {
  const { counts } = countTexts({ p, drafter, decide, emitted: 3, runs });
  const pairs = new Float64Array(V ** 2);
  counts.forEach((count, text) => (pairs[Math.floor(text / V)]! += count));
  return { two: chiSquare(pairs, textProbabilities(p, 2)), three: chiSquare(counts, textProbabilities(p, 3)) };
}

describe.each(drafters)('%s leaves the joint law of the first two and three tokens as it is', (_, drafterOf) => {
  test.each([
    ['speculative 11.1: with a draft of another model', plain, draft],
    ['speculative 11.2: with top-k, top-p and a temperature, and a draft of another one', narrowed, warmer],
  ])('%s', (__, p, q) => {
    const { two, three } = fits(p, drafterOf(q), acceptDraft);
    expect(two.statistic).toBeLessThan(two.limit);
    expect(three.statistic).toBeLessThan(three.limit);
  });
});

test('speculative 11.7: typical acceptance fails the same test: it is approximate', () => {
  const { two, three } = fits(plain, chainOf(draft, 3), approximateTypicalAcceptance);
  expect(two.statistic).toBeGreaterThan(3 * two.limit);
  expect(three.statistic).toBeGreaterThan(3 * three.limit);
});

test('drawing by a list and testing as if it had been drawn fails it, too', () => {
  const mixed: Drafter = (text) => {
    const row = draft(text);
    return { tokens: [row.indexOf(Math.max(...row))], drawn: { q: [row] } };
  };
  const { two } = fits(plain, mixed, acceptDraft);
  expect(two.statistic).toBeGreaterThan(3 * two.limit);
});

describe('speculative 11.3: acceptance', () => {
  test('is Σ min(p, q), within four standard deviations', () => {
    const [p, q] = [plain([]), draft([])];
    const expected = p.reduce((sum, share, id) => sum + Math.min(share, q[id]!), 0);
    const { tested, accepted } = countTexts({
      p: plain, drafter: chainOf(draft, 1), decide: acceptDraft, emitted: 1, runs,
    }); // prettier-ignore
    expect(Math.abs(accepted / tested - expected)).toBeLessThan(4 * Math.sqrt((expected * (1 - expected)) / tested));
  });

  test('is certain when the draft is the target', () => {
    const { tested, accepted } = countTexts({
      p: plain, drafter: chainOf(plain, 3), decide: acceptDraft, emitted: 3, runs: 5000,
    }); // prettier-ignore
    expect(accepted).toBe(tested);
  });

  test('never happens on disjoint supports, and the text is that of the target', () => {
    const half = (from: number) => (row: Float32Array) => row.map((share, id) => (id % 2 === from ? share : 0));
    const even = (text: readonly number[]): Float32Array => scaled(half(0)(plain(text)));
    const odd = (text: readonly number[]): Float32Array => scaled(half(1)(plain(text)));
    const { counts, accepted } = countTexts({
      p: even, drafter: chainOf(odd, 2), decide: acceptDraft, emitted: 2, runs,
    }); // prettier-ignore
    expect(accepted).toBe(0);
    const { statistic, limit } = chiSquare(counts, textProbabilities(even, 2));
    expect(statistic).toBeLessThan(limit);
  });
});

function scaled(row: Float32Array): Float32Array {
  const total = row.reduce((sum, share) => sum + share, 0);
  return row.map((share) => share / total);
}

test('the tables tell texts apart', () => {
  expect(new Set(Array.from({ length: V }, (_, token) => plain([token]).join())).size).toBe(V);
});
