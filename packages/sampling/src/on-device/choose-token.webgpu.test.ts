import { requestWebGpu } from '@tessera/kernels-webgpu';
import { softwareGpu } from '@tessera/software-gpu';
import { CpuDevice, fillTree, fromHost, trace, treeLeaves } from '@tessera/tensor-core';
import type { Device } from '@tessera/tensor-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { processedDistribution } from '../distribution.ts';
import type { SamplingOptions } from '../sampling-options.ts';
import { uniformOf } from '../uniform.ts';
import { chosenIds } from './choice.ts';
import { chooseToken } from './choose-token.ts';
import { deviceSampler } from './device-sampler.ts';
import type { SamplerRow } from './device-sampler.ts';
import type { DeviceSampling } from './device-sampling.ts';

let gpu: Device;
beforeAll(async () => {
  gpu = (await requestWebGpu({ gpu: await softwareGpu() }))!;
});
afterAll(() => gpu.dispose());

const whole: DeviceSampling = { sampled: true, adjusted: true };

/** The choices of rows on a device, as they come back. */
async function choices(
  device: Device,
  logits: readonly Float32Array[],
  rows: readonly SamplerRow[],
  sampling = whole,
): Promise<Int32Array> {
  const V = logits[0]!.length;
  const values = new Float32Array(rows.length * V);
  logits.forEach((row, b) => values.set(row, b * V));
  const sampler = deviceSampler(rows, sampling, V);
  const inputs = [fromHost(values, [rows.length, V]), ...treeLeaves(sampler)];
  const graph = trace(
    (given, ...leaves) => treeLeaves(chooseToken(given!, fillTree(sampler, leaves), sampling)),
    inputs,
  );
  const program = await device.compile(graph);
  const outputs = program.run(inputs);
  try {
    return (await device.read(outputs[0]!)) as Int32Array;
  } finally {
    for (const output of outputs) output.dispose();
    program.dispose();
  }
}

/** Numbers in [0, 1) that look random and are always the same. */
function draws(seed: number): () => number {
  let state = seed * 7919 + 17;
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
}

const logitsOf = (V: number, seed: number, spread: number): Float32Array => {
  const draw = draws(seed);
  return Float32Array.from({ length: V }, () => (draw() + draw() + draw() - 1.5) * spread);
};

/**
 * Whether `id` is a choice that the host could make, too: a candidate there, whose share of the running sum holds the
 * number that is drawn, up to what single precision can tell.
 */
function isChoiceOf(id: number, logits: Float32Array, { history, options }: SamplerRow): boolean {
  const probabilities = processedDistribution(logits, history, options);
  if (!(probabilities[id]! > 0)) return false;
  const u = uniformOf({ seed: options.seed ?? 0, step: history.generated.length, row: history.row });
  const before = probabilities.subarray(0, id).reduce((sum, p) => sum + p, 0);
  return u >= before - 1e-5 && u <= before + probabilities[id]! + 1e-5;
}

/** Options of every sort, from a row's number. */
function someOptions(row: number): SamplingOptions {
  const draw = draws(row + 100);
  const maybe = <T>(value: T): T | undefined => (draw() < 0.5 ? value : undefined);
  return {
    temperature: maybe(0.3 + 2 * draw()) ?? 1,
    topK: maybe(1 + Math.floor(draw() * 30)),
    topP: maybe(0.05 + 0.9 * draw()),
    minP: maybe(draw() * 0.3),
    typicalP: maybe(0.2 + 0.7 * draw()),
    repetitionPenalty: maybe(0.5 + 2 * draw()),
    presencePenalty: maybe(draw() - 0.5),
    frequencyPenalty: maybe(draw() - 0.5),
    minNewTokens: maybe(3),
    suppressTokenIds: maybe([1, 5]),
    logitBias: maybe({ 2: 3 * draw(), 3: -Infinity }),
    seed: row * 7,
  };
}

test.each([
  [1, 3],
  [40, 120],
  [700, 40],
  [5000, 8],
])('of %i tokens, with options of every sort: what the host would choose', async (V, count) => {
  const logits = Array.from({ length: count }, (_, row) => logitsOf(V, row + 1, 6));
  const rows = logits.map((_, row): SamplerRow => {
    const ids = [0, 7, 11, 7].map((id) => id % V);
    const options = V < 6 ? { temperature: 1, topP: 0.5, typicalP: 0.5, topK: 1 } : someOptions(row);
    return { history: { prompt: ids, generated: ids.slice(row % 4), endIds: V < 6 ? [] : [9], row }, options };
  });
  const chosen = chosenIds(await choices(gpu, logits, rows), V);
  const wrong = rows.filter((row, b) => !isChoiceOf(chosen[b]!, logits[b]!, row));
  expect(wrong).toEqual([]);
});

test('the kernels are their definitions, also on a GPU with no more than WebGPU guarantees', async () => {
  const least = (await requestWebGpu({ gpu: await softwareGpu(), without: ['subgroups'], limits: 'default' }))!;
  const logits = Array.from({ length: 60 }, (_, row) => logitsOf(50, row + 1, 4));
  const rows = logits.map((_, row): SamplerRow => {
    return { history: { prompt: [1, 2], generated: [4], endIds: [9], row }, options: someOptions(row) };
  });
  for (const sampled of [true, false])
    for (const adjusted of [true, false]) {
      const sampling = { sampled, adjusted };
      const expected = await choices(new CpuDevice({ precision: 'f64' }), logits, rows, sampling);
      for (const device of [gpu, least]) expect(await choices(device, logits, rows, sampling)).toEqual(expected);
    }
  const wide = logitsOf(600, 1, 4);
  const options = { temperature: 1, topK: 9, topP: 0.9, typicalP: 0.9 };
  const row = { history: { prompt: [1], generated: [] }, options };
  expect(isChoiceOf(chosenIds(await choices(least, [wide], [row]), 600)[0]!, wide, row)).toBe(true);
  least.dispose();
});

test.each([70_000, 300_000])('of %i tokens', async (V) => {
  const options: SamplingOptions[] = [
    { temperature: 1 },
    { temperature: 1, topK: 50, topP: 0.9 },
    { temperature: 1.5, topP: 0.99 },
    { temperature: 0.7, minP: 0.01, typicalP: 0.9 },
  ];
  const logits = options.map((_, row) => logitsOf(V, row + 1, 12));
  const rows = options.map((own, row): SamplerRow => {
    return { history: { prompt: [1], generated: [], row }, options: own };
  });
  const chosen = chosenIds(await choices(gpu, logits, rows, { sampled: true, adjusted: false }), V);
  expect(rows.map((row, b) => isChoiceOf(chosen[b]!, logits[b]!, row))).toEqual([true, true, true, true]);
  expect(new Set(chosen).size).toBe(4);
});

test.each<[string, SamplingOptions]>([
  ['everything', { temperature: 1 }],
  ['topK and those equal to the last', { topK: 5 }],
  ['topP, of equal ones the lowest ids', { topP: 0.45 }],
  ['topP of a hot distribution', { temperature: 100, topP: 0.3 }],
  ['minP', { minP: 0.5 }],
  ['typicalP', { typicalP: 0.6 }],
  ['one after the other', { temperature: 1.3, topK: 12, topP: 0.9, minP: 0.55, typicalP: 0.8 }],
])('draws as the distribution of %s says, and all of its candidates', async (_, options) => {
  // Ties everywhere, −0 among them, and one that is forbidden.
  const scores = Float32Array.of(1, 0.5, 1, 0, -0, -Infinity, 0.25, 0.25, 0.25, 1.25, 0.5, 0, 0.75, 0.75, 0.5, -0.25);
  const rows = Array.from({ length: 900 }, (__, row): SamplerRow => {
    return { history: { prompt: [0], generated: [], row }, options };
  });
  const chosen = chosenIds(
    await choices(gpu, rows.map(() => scores), rows, { sampled: true, adjusted: false }),
    scores.length,
  ); // prettier-ignore
  const counts = Array.from(scores, (__, id) => chosen.filter((other) => other === id).length);
  const probabilities = processedDistribution(scores, rows[0]!.history, options);
  expect(counts.flatMap((count, id) => (count > 0 ? [id] : []))).toEqual(
    Array.from(probabilities).flatMap((p, id) => (p > 0 ? [id] : [])),
  );
  const chiSquare = counts.reduce((sum, count, id) => {
    const expected = probabilities[id]! * rows.length;
    return expected === 0 ? sum : sum + (count - expected) ** 2 / expected;
  }, 0);
  // 14 degrees of freedom at most: 36.1 is passed by one sampler in a thousand; the seeds are fixed.
  expect(chiSquare).toBeLessThan(36.1);
});

test('a greedy choice is the lowest id of the largest logits, wherever they are', async () => {
  const V = 3000;
  const places = [[0], [V - 1], [63, 64], [2, 1999, 2999], [700, 699]];
  const logits = places.map((ids) => {
    const row = logitsOf(V, 3, 1);
    for (const id of ids) row[id] = 40;
    return row;
  });
  logits.push(new Float32Array(V).fill(-Infinity).with(17, -3e38));
  const rows = logits.map((): SamplerRow => ({ history: { prompt: [1], generated: [] }, options: {} }));
  const greedy = { sampled: false, adjusted: false };
  expect(chosenIds(await choices(gpu, logits, rows, greedy), V)).toEqual([0, V - 1, 63, 2, 699, 17]);
});

test.each([true, false])('what is no number is told with its step, sampled: %s', async (sampled) => {
  const row = (logits: number[], options: SamplingOptions = {}): Promise<Int32Array> => {
    const history = { prompt: [1], generated: [1, 1, 1] };
    return choices(gpu, [Float32Array.from(logits)], [{ history, options: { temperature: 1, ...options } }], {
      sampled,
      adjusted: true,
    });
  };
  const refused = async (...call: Parameters<typeof row>): Promise<string> => {
    const data = await row(...call);
    try {
      return chosenIds(data, call[0].length).join();
    } catch (error) {
      return (error as Error).message;
    }
  };
  expect(await refused([0, Number.NaN, 0])).toMatch('step 3: the logit of token 1 from the model is NaN or Infinity');
  expect(await refused([0, 1, Infinity])).toMatch('step 3: the logit of token 2 from the model is NaN or Infinity');
  expect(await refused([-Infinity, -Infinity])).toMatch('step 3: all 2 logits from the model are −∞');
  const none = { suppressTokenIds: [0, 1] };
  expect(await refused([0, 1], none)).toMatch('step 3: all 2 logits from the sampling options are −∞');
  expect(await refused([0, 3e38], { logitBias: { 1: 3e38 } })).toMatch(
    'step 3: the logit of token 1 from the sampling options is NaN or Infinity',
  );
  expect(await refused([-Infinity, 2])).toBe('1');
});
