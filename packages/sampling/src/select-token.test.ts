import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { choose } from '../examples/choose.ts';
import { processedDistribution } from './distribution.ts';
import { logprobOf, topLogprobs } from './logprobs.ts';
import type { SamplingOptions } from './sampling-options.ts';
import { selectToken } from './select-token.ts';
import { softmax } from './transformers.reference.ts';
import { placeOf, uniformOf } from './uniform.ts';

const scores = Float32Array.of(1, -0.5, 2, 0, -Infinity, 1.5, -2, 0.25, 0.25, -1);

/** Σ (seen − expected)² / expected over the tokens that can occur. */
function chiSquare(counts: number[], probabilities: Float32Array, draws: number): number {
  return counts.reduce((sum, count, id) => {
    const expected = probabilities[id]! * draws;
    return expected === 0 ? sum + (count > 0 ? Infinity : 0) : sum + (count - expected) ** 2 / expected;
  }, 0);
}

describe('selectToken', () => {
  const cases: [string, SamplingOptions][] = [
    ['temperature', { temperature: 1.3 }],
    ['topK', { temperature: 1, topK: 4 }],
    ['topP', { temperature: 0.8, topP: 0.9 }],
    ['minP', { minP: 0.1 }],
    ['typicalP', { typicalP: 0.8 }],
  ];
  test.each(cases)('draws as the distribution of %s says, over steps and over rows', (_, options) => {
    const draws = 6000;
    const probabilities = processedDistribution(scores, { prompt: [], generated: [] }, options);
    for (const axis of ['step', 'row', 'seed'] as const) {
      const counts = scores.reduce<number[]>((zeros) => [...zeros, 0], []);
      for (let i = 0; i < draws; i++) {
        const generated = axis === 'step' ? { length: i } : [];
        const history = { prompt: [], generated, row: axis === 'row' ? i : 0 };
        counts[selectToken(scores, history, { ...options, seed: axis === 'seed' ? i : 5 }).id]! += 1;
      }
      // At most 8 degrees of freedom: 26.1 is passed by one sampler in a thousand; the seeds are fixed.
      expect(chiSquare(counts, probabilities, draws)).toBeLessThan(26.1);
    }
  });

  test('equal calls give equal tokens, and rows, steps and seeds others', () => {
    const draw = (seed: number, step: number, row: number): number =>
      selectToken(scores, { prompt: [], generated: { length: step }, row }, { temperature: 2, seed }).id;
    const sequence = (seed: number, row: number): number[] =>
      Array.from({ length: 30 }, (_, step) => draw(seed, step, row));
    expect(sequence(1, 0)).toEqual(sequence(1, 0));
    expect(sequence(1, 0)).not.toEqual(sequence(2, 0));
    expect(sequence(1, 0)).not.toEqual(sequence(1, 1));
    expect(sequence(1, 0)).not.toEqual(sequence(1 + 2 ** 32, 0));
    expect(sequence(-1, 0)).not.toEqual(sequence(1, 0));
  });

  test('is greedy without options and at temperature 0', () => {
    expect(selectToken(scores, { prompt: [], generated: [] })).toEqual({ id: 2, logprob: logprobOf(scores, 2) });
    expect(selectToken(Float32Array.of(0, 7, 7), { prompt: [], generated: [] }, { temperature: 0, seed: 9 }).id).toBe(
      1,
    );
  });

  test('tells the log-probability under the model, whatever the options', () => {
    const options = { temperature: 0.1, suppressTokenIds: [2], logitBias: { 6: 50 } };
    const { id, logprob } = selectToken(scores, { prompt: [], generated: [] }, options);
    expect(id).toBe(6);
    expect(logprob).toBeCloseTo(Math.log(softmax([...scores])[6]!), 12);
  });

  test('never chooses what the distribution excludes', () => {
    fc.assert(
      fc.property(
        fc.array(fc.float({ noNaN: true, min: -30, max: 30 }), { minLength: 1, maxLength: 40 }),
        fc.record({
          temperature: fc.double({ min: 1e-3, max: 4, noNaN: true }),
          topK: fc.nat(10),
          topP: fc.double({ min: 0, max: 1, noNaN: true }),
          minP: fc.double({ min: 0, max: 1, noNaN: true }),
          typicalP: fc.double({ min: 1e-9, max: 1, noNaN: true }),
          seed: fc.maxSafeInteger(),
        }),
        fc.nat(1000),
        (list, options, step) => {
          const logits = Float32Array.from(list);
          const history = { prompt: [], generated: { length: step } };
          const probabilities = processedDistribution(logits, history, options);
          expect(Math.abs(probabilities.reduce((sum, p) => sum + p, 0) - 1)).toBeLessThan(1e-5);
          expect(probabilities[selectToken(logits, history, options).id]).toBeGreaterThan(0);
        },
      ),
      { seed: 4, numRuns: 500 },
    );
  });
});

describe('numbers by counting', () => {
  test('one number of a seed is fixed for good', () => {
    expect(uniformOf({ seed: 0, step: 0 })).toBe(uniformOf({ seed: 0, step: 0, row: 0, draw: 0 }));
    expect([uniformOf({ seed: 7, step: 3 }), uniformOf({ seed: 7, step: 3, row: 2, draw: 1 })]).toMatchInlineSnapshot(`
      [
        0.6007368360158112,
        0.35124783012475047,
      ]
    `);
  });

  test('they are uniform over steps, rows, draws and seeds', () => {
    for (const name of ['step', 'row', 'draw', 'seed'] as const) {
      const n = 10_000;
      const drawn = Array.from({ length: n }, (_, i) => uniformOf({ seed: 3, step: 0, [name]: i })).toSorted(
        (a, b) => a - b,
      );
      const distance = Math.max(...drawn.map((u, i) => Math.max(Math.abs(u - i / n), Math.abs(u - (i + 1) / n))));
      expect(distance).toBeLessThan(1.95 / Math.sqrt(n)); // Kolmogorov–Smirnov, one in a thousand
    }
  });

  test('a place is found by the running sum, never one of weight 0', () => {
    const weights = Float64Array.of(0, 1, 0, 3, 0);
    expect([0, 0.2, 0.25, 0.9, 1 - 2 ** -53, 1].map((u) => placeOf(weights, u))).toEqual([1, 1, 3, 3, 3, 3]);
  });
});

describe('topLogprobs', () => {
  test('are the most likely tokens with the log-probabilities of the model', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -9, max: 9 }), { minLength: 1, maxLength: 30 }), fc.nat(35), (list, k) => {
        const expected = softmax(list)
          .map((p, id) => ({ id, logprob: Math.log(p) }))
          .toSorted((a, b) => list[b.id]! - list[a.id]! || a.id - b.id)
          .slice(0, k);
        const actual = topLogprobs(Float32Array.from(list), k);
        expect(actual.map(({ id }) => id)).toEqual(expected.map(({ id }) => id));
        expect(actual.every(({ logprob }, i) => Math.abs(logprob - expected[i]!.logprob) < 1e-12)).toBe(true);
      }),
      { seed: 5, numRuns: 300 },
    );
  });

  test('refuse logits that are no numbers, by the step', () => {
    expect(() => topLogprobs(Float32Array.of(Number.NaN), 1, 8)).toThrow(
      'step 8: the logit of token 0 from the model is NaN',
    );
  });
});

test('the example chooses until the end', () => {
  const next = (ids: number[]): Float32Array =>
    Float32Array.from({ length: 5 }, (_, id) => (id === ids.length ? 30 : 0));
  expect(choose([0], next)).toEqual([1, 2]);
});

test('the README shows the example as it runs', async () => {
  const [readme, example] = await Promise.all(
    ['../README.md', '../examples/choose.ts'].map((path) => readFile(new URL(path, import.meta.url), 'utf8')),
  );
  const [, region] = /#region choose\n(.*?) *\/\/ #endregion/s.exec(example!)!;
  expect(readme).toContain(region!.replaceAll(/^ {2}/gm, ''));
});
