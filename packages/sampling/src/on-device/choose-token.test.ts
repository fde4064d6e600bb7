import { CpuDevice, fromHost, read } from '@tessera/tensor-core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { SamplingOptions } from '../sampling-options.ts';
import { selectToken } from '../select-token.ts';
import type { TokenHistory } from '../token-history.ts';
import { chosenIds } from './choice.ts';
import { chooseToken } from './choose-token.ts';
import { deviceSampler } from './device-sampler.ts';
import type { DeviceSampler, SamplerRow } from './device-sampler.ts';
import { deviceSamplingOf } from './device-sampling.ts';

const V = 12;
const nothing: TokenHistory = { prompt: [0], generated: [] };

/** Next choices of rows, in double precision. */
async function next(
  logits: readonly (readonly number[])[],
  rows: readonly SamplerRow[],
): Promise<{ ids: () => number[]; sampler: DeviceSampler }> {
  const kinds = rows.map(({ options }) => deviceSamplingOf(options)!);
  const sampling = { sampled: kinds.some((kind) => kind.sampled), adjusted: kinds.some((kind) => kind.adjusted) };
  const width = logits[0]!.length;
  const sampler = deviceSampler(rows, sampling, width);
  const given = fromHost(Float32Array.from(logits.flat()), [rows.length, width]);
  const made = chooseToken(given, sampler, sampling);
  const choice = await read(made.choice, new CpuDevice({ precision: 'f64' }));
  return { ids: () => chosenIds(choice, width), sampler: made };
}

describe('a choice by tensor ops is that of selectToken', () => {
  /** Quarters, so that equal logits are common and every sum is exact in single precision. */
  const logit = fc.integer({ min: -20, max: 20 }).map((value) => value / 4);
  const row = fc.array(logit, { minLength: V, maxLength: V });
  const ids = fc.array(fc.integer({ min: 0, max: V - 1 }), { minLength: 1, maxLength: 9 });
  /** Away from limits that rounding decides. */
  const share = fc.integer({ min: 1, max: 96 }).map((value) => value / 97 + 1e-4);
  const some = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(value, { nil: undefined });

  test('with every option, whatever was said before', async () => {
    await fc.assert(
      fc.asyncProperty(
        row,
        ids,
        fc.array(fc.integer({ min: 0, max: V - 1 }), { maxLength: 6 }),
        fc.record({
          temperature: some(fc.constantFrom(0, 0.25, 1, 3)),
          topK: some(fc.integer({ min: 0, max: V + 2 })),
          topP: some(share),
          minP: some(share),
          typicalP: some(share),
          repetitionPenalty: some(fc.constantFrom(1, 2, 0.5)),
          presencePenalty: some(fc.constantFrom(0, 0.25, -1)),
          frequencyPenalty: some(fc.constantFrom(0, 0.5, -0.25)),
          minNewTokens: some(fc.nat(8)),
          suppressTokenIds: some(fc.constantFrom([], [3], [1, 2])),
          logitBias: some(fc.constantFrom({}, { 4: 2, 5: -0.5 }, { 6: -Infinity })),
          seed: fc.maxSafeInteger(),
        }),
        fc.nat(5),
        async (logits, prompt, generated, options, rowNumber) => {
          const history = { prompt, generated, endIds: [7, 8], row: rowNumber };
          const { ids: chosen } = await next([logits], [{ history, options }]);
          expect(chosen()).toEqual([selectToken(Float32Array.from(logits), history, options).id]);
        },
      ),
      { seed: 6, numRuns: 400 },
    );
  });

  test('choice after choice, from what the one before gives', async () => {
    const options: SamplingOptions = { temperature: 1, frequencyPenalty: 0.5, repetitionPenalty: 1.5, seed: 3, minNewTokens: 2 }; // prettier-ignore
    const logits = Array.from({ length: V }, (_, id) => Math.sin(id) * 2);
    const history = { prompt: [2, 5], generated: [] as number[], endIds: [8] };
    const sampling = deviceSamplingOf(options)!;
    let sampler = deviceSampler([{ history, options }], sampling, V);
    for (let step = 0; step < 12; step++) {
      sampler = chooseToken(fromHost(Float32Array.from(logits), [1, V]), sampler, sampling);
      const [id] = chosenIds(await read(sampler.choice), V);
      expect(id).toBe(selectToken(Float32Array.from(logits), history, options).id);
      history.generated.push(id!);
    }
    expect(new Set(history.generated).size).toBeGreaterThan(2);
  });

  test('rows have options and seeds of their own', async () => {
    const logits = [
      [0, 3, 1],
      [2, 0, 5],
      [4, 4, 4],
      [1, 4, 4],
    ];
    const rows: SamplerRow[] = [
      { history: nothing, options: { topK: 1 } },
      { history: nothing, options: { temperature: 1, logitBias: { 1: 50 } } },
      { history: nothing, options: { temperature: 1, suppressTokenIds: [0, 2] } },
      { history: nothing, options: {} },
    ];
    expect((await next(logits, rows)).ids()).toEqual([1, 1, 1, 1]);
    const tied = Array.from({ length: 20 }, (_, row) => ({ history: { ...nothing, row }, options: row === 0 ? { temperature: 1 } : {} })); // prettier-ignore
    expect((await next(tied.map(() => [0, 4, 4, 4]), tied)).ids().slice(1)).toEqual(tied.slice(1).map(() => 1)); // prettier-ignore
  });

  test('a vocabulary of one token has one choice', async () => {
    const rows = [{ history: nothing, options: { temperature: 1, topP: 0.5, typicalP: 0.5 } }];
    expect((await next([[-7]], rows)).ids()).toEqual([0]);
  });

  test('a share of equal tokens is not passed by a rounding', async () => {
    for (const [count, p] of [
      [5, 0.2],
      [5, 0.6],
      [10, 0.7],
      [4, 0.5],
    ] as const) {
      const rows = Array.from({ length: 200 }, (_, row) => ({ history: { ...nothing, row }, options: { topP: p } }));
      const { ids: chosen } = await next(
        rows.map(() => new Array<number>(count).fill(1)),
        rows,
      );
      expect([...new Set(chosen())].toSorted((a, b) => a - b)).toEqual(Array.from({ length: Math.round(count * p) }, (_, id) => id)); // prettier-ignore
    }
  });
});

describe('what cannot be chosen from is an error that names the step', () => {
  const at =
    (logits: number[], options: SamplingOptions = {}) =>
    async (): Promise<number[]> =>
      (await next([logits], [{ history: { prompt: [1], generated: [1, 1, 1] }, options }])).ids();

  test.each([{}, { temperature: 1 }])('with %j', async (options) => {
    await expect(at([0, Number.NaN, 0], options)).rejects.toThrow(
      'step 3: the logit of token 1 from the model is NaN or Infinity, expected a finite number or −∞. Check its weights and element types.',
    );
    await expect(at([0, 1, Infinity], options)).rejects.toMatchObject({
      code: 'NUMERICAL',
      facts: { step: 3, source: 'the model', tokenId: 2 },
    });
    await expect(at([-Infinity, -Infinity], options)).rejects.toThrow(
      'step 3: all 2 logits from the model are −∞, expected one that is finite.',
    );
    await expect(at([0, 1], { ...options, suppressTokenIds: [0, 1] })).rejects.toThrow(
      'step 3: all 2 logits from the sampling options are −∞, expected one that is finite. Forbid fewer tokens.',
    );
    expect(await at([-Infinity, 1], options)()).toEqual([1]);
  });

  test('an id outside the vocabulary names the option', () => {
    const make = (options: SamplingOptions, endIds: number[] = []): (() => DeviceSampler) => {
      const rows = [{ history: { ...nothing, endIds }, options }];
      return () => deviceSampler(rows, deviceSamplingOf(options)!, 2);
    };
    expect(make({ logitBias: { 2: 1 } })).toThrow(
      "logitBias names token 2, expected ids below the vocabulary's size of 2. Remove it.",
    );
    expect(make({ logitBias: { 3: -Infinity } })).toThrow('logitBias names token 3');
    expect(make({ suppressTokenIds: [7] })).toThrow('suppressTokenIds names token 7');
    expect(make({ minNewTokens: 1 }, [4])).toThrow('endIds names token 4');
    expect(make({})).not.toThrow();
    expect(() => deviceSampler([{ history: { prompt: [], generated: [] }, options: {} }], deviceSamplingOf({})!, 2)).toThrow('a row has neither prompt nor text'); // prettier-ignore
  });
});

describe('options', () => {
  test('that need logits on the host are told apart', () => {
    expect(deviceSamplingOf({ noRepeatNgramSize: 2 })).toBeUndefined();
    expect(deviceSamplingOf({ logitsProcessors: [() => {}] })).toBeUndefined();
    expect(deviceSamplingOf({ noRepeatNgramSize: 0, logitsProcessors: [] })).toEqual({
      sampled: false,
      adjusted: false,
    });
  });

  test('of one kind share a program', () => {
    const kind = (options: SamplingOptions): string => JSON.stringify(deviceSamplingOf(options));
    expect(kind({ temperature: 0.7 })).toBe(kind({ topK: 5, topP: 0.9, minP: 0.1, typicalP: 0.9, seed: 3 }));
    expect(kind({ repetitionPenalty: 1.1 })).toBe(kind({ logitBias: { 1: 2 }, minNewTokens: 3 }));
    expect(kind({ temperature: 0, topK: 4, repetitionPenalty: 1 })).toBe(kind({}));
  });
});
