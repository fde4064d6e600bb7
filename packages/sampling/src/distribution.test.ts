import fc from 'fast-check';
import { NumericalError, UnsupportedOptionError } from '@tessera/tensor-core';
import { describe, expect, test } from 'vitest';
import { processedDistribution } from './distribution.ts';
import type { SamplingOptions } from './sampling-options.ts';
import { reference, softmax } from './transformers.reference.ts';

const V = 12;
const nothing = { prompt: [], generated: [] };
/** Quarters, so that equal logits are common and every sum is exact in single precision. */
const logit = fc.integer({ min: -20, max: 20 }).map((value) => value / 4);
const row = fc.array(logit, { minLength: V, maxLength: V });
const ids = fc.array(fc.integer({ min: 0, max: V - 1 }), { maxLength: 14 });
/** Steps that keep sums of probabilities away from the limit itself, where rounding decides. */
const share = fc.integer({ min: 1, max: 96 }).map((value) => value / 97 + 1e-4);

function far(actual: Float32Array, expected: number[]): string[] {
  return expected.flatMap((value, id) =>
    Math.abs(actual[id]! - value) < 1e-6 ? [] : [`${id}: ${actual[id]}, not ${value}`],
  );
}

function narrowed(scores: number[], options: SamplingOptions): Float32Array {
  return processedDistribution(Float32Array.from(scores), nothing, options);
}

describe('each option does what that of transformers does', () => {
  test('temperature, topK, topP, minP and typicalP, alone', () => {
    fc.assert(
      fc.property(row, share, fc.integer({ min: 1, max: V + 2 }), (scores, p, k) => {
        expect(far(narrowed(scores, { temperature: 4 * p }), softmax(reference.temperature(scores, 4 * p)))).toEqual(
          [],
        );
        expect(far(narrowed(scores, { topK: k }), softmax(reference.topK(scores, k)))).toEqual([]);
        expect(far(narrowed(scores, { topP: p }), softmax(reference.topP(scores, p)))).toEqual([]);
        expect(far(narrowed(scores, { minP: p }), softmax(reference.minP(scores, p)))).toEqual([]);
        expect(far(narrowed(scores, { typicalP: p }), softmax(reference.typicalP(scores, p)))).toEqual([]);
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  test('penalties and repeated sequences', () => {
    fc.assert(
      fc.property(row, ids, ids, fc.integer({ min: 1, max: 4 }), (scores, prompt, generated, n) => {
        const options = { temperature: 1, repetitionPenalty: 1.25, frequencyPenalty: 0.5, presencePenalty: -0.25 };
        const history = { prompt, generated };
        const given = Float32Array.from(scores);
        const penalised = reference.occurrence(
          reference.repetition(scores, [...prompt, ...generated], 1.25), generated, 0.5, -0.25,
        ); // prettier-ignore
        expect(far(processedDistribution(given, history, options), softmax(penalised))).toEqual([]);
        const left = reference.ngrams(scores, [...prompt, ...generated], n);
        fc.pre(left.some((score) => score > -Infinity));
        const actual = processedDistribution(given, history, { temperature: 1, noRepeatNgramSize: n });
        expect(far(actual, softmax(left))).toEqual([]);
        expect([...given]).toEqual(scores);
      }),
      { seed: 2, numRuns: 300 },
    );
  });

  test('all together, in the documented order', () => {
    fc.assert(
      fc.property(row, ids, ids, share, share, (scores, prompt, generated, p, q) => {
        const both = [...prompt, ...generated];
        let expected = reference.occurrence(reference.repetition(scores, both, 2), generated, 0.25, 0.5);
        expected = expected.map((score, id) => (id === 3 ? score + 2 : id === 5 ? -Infinity : score));
        expected = reference.ngrams(expected, both, 3).map((score) => score * 0.75);
        fc.pre(expected.some((score) => score > -Infinity));
        expected = reference.topP(reference.topK(reference.temperature(expected, 0.5), 9), p);
        expected = reference.typicalP(reference.minP(expected, q / 2), q);
        const actual = processedDistribution(Float32Array.from(scores), { prompt, generated }, {
          repetitionPenalty: 2, frequencyPenalty: 0.25, presencePenalty: 0.5, logitBias: { 3: 2 }, suppressTokenIds: [5],
          noRepeatNgramSize: 3, logitsProcessors: [({ logits }) => logits.map((value) => value * 0.75)], temperature: 0.5,
          topK: 9, topP: p, minP: q / 2, typicalP: q,
        }); // prettier-ignore
        expect(far(actual, softmax(expected))).toEqual([]);
      }),
      { seed: 3, numRuns: 300 },
    );
  });
});

describe('the order', () => {
  const scores = Float32Array.of(2, 1, 0, -1);
  test('a bias counts after the penalties and before the processors', () => {
    const seen: number[][] = [];
    processedDistribution(scores, { prompt: [0], generated: [1] }, {
      repetitionPenalty: 2, presencePenalty: 0.5, logitBias: { 0: 10, 1: 1 }, suppressTokenIds: [2],
      logitsProcessors: [({ logits }) => void seen.push([...logits])],
    }); // prettier-ignore
    expect(seen).toEqual([[11, 1, -Infinity, -1]]);
  });

  test('topP counts probabilities of what topK left', () => {
    const four = Float32Array.of(0, 0, 0, 0).map((_, id) => -id * 1e-3);
    // Of two equal ones 0.6 needs both; of four it would need three.
    const kept = processedDistribution(four, nothing, { topK: 2, topP: 0.6 });
    expect([...kept].filter((p) => p > 0).length).toBe(2);
  });

  test('what a processor puts in place or returns is what counts', () => {
    const inPlace = processedDistribution(scores, nothing, {
      logitsProcessors: [({ logits }) => void logits.fill(9, 3)],
    });
    expect([...inPlace]).toEqual([0, 0, 0, 1]);
    const returned = processedDistribution(scores, nothing, {
      logitsProcessors: [() => Float32Array.of(0, 5, 0, 0), ({ logits }) => logits.map((x) => -x)],
    });
    expect([...returned]).toEqual([1, 0, 0, 0]);
    expect([...scores]).toEqual([2, 1, 0, -1]);
  });
});

describe('ends', () => {
  const scores = Float32Array.of(1, 3, 3, 2);

  test('without options all of it lies on the most likely token, of equal ones the lowest', () => {
    expect([...processedDistribution(scores, nothing)]).toEqual([0, 1, 0, 0]);
    expect([...processedDistribution(scores, nothing, { temperature: 0, topK: 3 })]).toEqual([0, 1, 0, 0]);
  });

  test('an option that narrows the choice asks for a choice', () => {
    expect(processedDistribution(scores, nothing, { topK: 1 }).filter((p) => p > 0).length).toBe(2);
  });

  test('topK of the whole vocabulary and topP of 1 change nothing', () => {
    const plain = processedDistribution(scores, nothing, { temperature: 0.7 });
    for (const options of [{ topK: 4 }, { topK: 400 }, { topK: 0 }, { topP: 1 }, { minP: 0 }, { typicalP: 1 }])
      expect([...processedDistribution(scores, nothing, { temperature: 0.7, ...options })]).toEqual([...plain]);
  });

  test('a tiny topP keeps the most likely token', () => {
    for (const topP of [0, 1e-300, 1e-12])
      expect([...processedDistribution(scores, nothing, { topP })]).toEqual([0, 1, 0, 0]);
  });

  test('extreme temperatures neither overflow nor forget the order', () => {
    expect([...processedDistribution(Float32Array.of(-3e38, 3e38, 0), nothing, { temperature: 1e-320 })]).toEqual([
      0, 1, 0,
    ]);
    const even = processedDistribution(scores, nothing, { temperature: 1e300, topK: 2 });
    expect([...even]).toEqual([0, 0.5, 0.5, 0]);
    expect([...processedDistribution(scores, nothing, { temperature: 1e300, topP: 0.3 })]).toEqual([0, 0.5, 0.5, 0]);
  });

  test('tokens that end a text wait until there are enough new ones', () => {
    const at = (generated: number[]): number[] => [
      ...processedDistribution(scores, { prompt: [], generated, endIds: [1, 2] }, { minNewTokens: 2 }),
    ];
    expect(at([0])).toEqual([0, 0, 0, 1]);
    expect(at([0, 0])).toEqual([0, 1, 0, 0]);
  });

  test('a model may forbid tokens by −∞', () => {
    const made = processedDistribution(Float32Array.of(-Infinity, 0, 0), nothing, { temperature: 1, typicalP: 0.5 });
    expect([...made]).toEqual([0, 0.5, 0.5]);
  });

  test('a vocabulary of 150 000 tokens is narrowed as a small one is', () => {
    const large = Float32Array.from({ length: 150_000 }, (_, id) => Math.sin(id * id) * 8);
    const probabilities = softmax([...large]).toSorted((a, b) => b - a);
    const made = processedDistribution(large, nothing, { topP: 0.9 });
    let sum = 0;
    const needed = probabilities.findIndex((p) => (sum += p) >= 0.9) + 1;
    expect(Math.abs(made.filter((p) => p > 0).length - needed)).toBeLessThanOrEqual(1);
    expect(Math.abs(made.reduce((total, p) => total + p, 0) - 1)).toBeLessThan(1e-4);
  });
});

describe('errors', () => {
  const at =
    (logits: Float32Array, options: SamplingOptions = {}) =>
    () =>
      processedDistribution(logits, { prompt: [4], generated: [1, 1, 1] }, options);

  test('NaN and +∞ name the step, the token and what to check', () => {
    expect(at(Float32Array.of(0, Number.NaN))).toThrow(NumericalError);
    expect(at(Float32Array.of(0, Number.NaN))).toThrow(
      'step 3: the logit of token 1 from the model is NaN, expected a finite number or −∞. Check its weights and element types.',
    );
    expect(at(Float32Array.of(Infinity, 0))).toThrow(
      'step 3: the logit of token 0 from the model is Infinity, expected',
    );
    expect(at(Float32Array.of(0, 1), { logitsProcessors: [({ logits }) => logits.map(() => Number.NaN)] })).toThrow(
      'step 3: the logit of token 0 from the sampling options is NaN, expected a finite number or −∞. Check penalties, logitBias and logitsProcessors.',
    );
  });

  test('nothing left to choose is an error, not a guess', () => {
    expect(at(Float32Array.of(-Infinity, -Infinity))).toThrow(NumericalError);
    expect(at(Float32Array.of(-Infinity, -Infinity))).toThrow(
      'step 3: all 2 logits from the model are −∞, expected one that is finite.',
    );
    expect(at(Float32Array.of(0, 1), { suppressTokenIds: [0, 1] })).toThrow(
      'step 3: all 2 logits from the sampling options are −∞, expected one that is finite. Forbid fewer tokens.',
    );
    expect(at(new Float32Array(0))).toThrow('all 0 logits');
  });

  test('an id outside the vocabulary names the option', () => {
    expect(at(Float32Array.of(0, 1), { logitBias: { 2: 1 } })).toThrow(UnsupportedOptionError);
    expect(at(Float32Array.of(0, 1), { logitBias: { 2: 1 } })).toThrow(
      "logitBias names token 2, expected ids below the vocabulary's size of 2. Remove it.",
    );
    expect(at(Float32Array.of(0, 1), { suppressTokenIds: [7] })).toThrow('suppressTokenIds names token 7');
  });

  test('a processor that returns something else is named', () => {
    expect(at(Float32Array.of(0, 1), { logitsProcessors: [() => new Float32Array(3)] })).toThrow(
      'logitsProcessors[0] returned 3 logits, expected a Float32Array of 2. Return as many as it was given, or nothing.',
    );
  });
});
