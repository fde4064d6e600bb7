import type { WebGpuDevice } from '@tessera/kernels-webgpu';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Model } from '../model/model.ts';
import { softwareDevice } from '../software-device.test-data.ts';
import { assembler, hybridSpec, largestDifference, smallSpec, someIds } from '../test-models.test-data.ts';
import type { GenerateOptions } from './options.ts';

const V = smallSpec.vocabSize;
let device: WebGpuDevice;
let model: Model;
let onCpu: Model;
beforeAll(async () => {
  device = await softwareDevice();
  model = await assembler.assemble(smallSpec, { device, seed: 1 });
  onCpu = await assembler.assemble(smallSpec, { device: 'cpu', seed: 1 });
});
afterAll(async () => {
  await model.dispose();
  await onCpu.dispose();
  device.dispose();
});

const idsOf = async (of: Model, prompt: readonly number[], options: GenerateOptions): Promise<readonly number[]> =>
  (await of.generate(prompt, options)).newTokenIds;

describe('the GPU gives what the CPU gives', () => {
  test('greedy ids of a stack of four kinds of layers, recurrent ones too', async () => {
    await using there = await assembler.assemble(hybridSpec, { device, seed: 1 });
    await using here = await assembler.assemble(hybridSpec, { device: 'cpu', seed: 1 });
    const prompt = someIds(40, hybridSpec.vocabSize); // two steps of 32 entries
    const options = { maxNewTokens: 10 };
    expect(await idsOf(there, prompt, options)).toEqual(await idsOf(here, prompt, options));
  });

  test.each<[string, GenerateOptions]>([
    ['greedy', {}],
    ['sampled', { temperature: 0.9, topK: 12, topP: 0.95, minP: 0.01, typicalP: 0.95, seed: 6 }],
    [
      'with penalties',
      { repetitionPenalty: 1.4, frequencyPenalty: 0.3, suppressTokenIds: [5], temperature: 1, seed: 7 },
    ],
    ['by logits, which logprobs need', { temperature: 1, logprobs: 1, seed: 8 }],
  ])('%s', async (_, options) => {
    const given = { maxNewTokens: 20, ...options };
    const expected = await idsOf(onCpu, someIds(9, V), given);
    expect(await idsOf(model, someIds(9, V), given)).toEqual(expected);
    expect(await idsOf(model, someIds(9, V), given)).toEqual(expected);
  });

  test('logits of a batch of sessions, and rows that choose by options of their own', async () => {
    const rows = [someIds(9, V, 1), someIds(4, V, 2)];
    using there = await model.session({ batch: 2, capacity: 32 });
    using here = await onCpu.session({ batch: 2, capacity: 32 });
    const expected = await here.feed(rows);
    expect(largestDifference(await there.feed(rows), expected)).toBeLessThan(1e-4);
    expect(there.length).toBe(9);
    const options: GenerateOptions[] = [{ temperature: 1, seed: 3 }, {}];
    const chosen: number[][] = [];
    using session = await model.session({ batch: 2, capacity: 32 });
    await session.read(rows.map((row) => row.slice(0, -1)));
    using choices = await session.choices(
      rows.map((prompt, b) => ({ history: { prompt, generated: [] }, options: options[b]! })),
      5,
    );
    for (let step = 0; step < 5; step++) chosen.push(await choices.next());
    for (const b of [0, 1])
      expect(chosen.map((ids) => ids[b])).toEqual(await idsOf(onCpu, rows[b]!, { ...options[b], maxNewTokens: 5 }));
    await expect(choices.next()).rejects.toThrow('choices: all 5 were made. Ask for as many as are needed.');
  });
});

describe('after the first tokens', () => {
  /** Reads a stream up to a token; the stream waits there. */
  async function upTo(token: number, options: GenerateOptions): Promise<() => Promise<unknown>> {
    const stream = model.stream([1, 2, 3], { maxNewTokens: 40, ...options });
    for (let i = 0; i < token; i++) await stream.next();
    return () => stream.next();
  }

  test.each<[string, GenerateOptions]>([
    ['greedy', {}],
    ['sampled', { temperature: 1, topK: 5, topP: 0.9 }],
    ['with penalties', { temperature: 1, repetitionPenalty: 1.2, minNewTokens: 30 }],
  ])('a token is one submit, and nothing is made for it: %s', async (_, options) => {
    const next = await upTo(4, options);
    const before = { ...device.counters };
    for (let i = 0; i < 25; i++) await next();
    const { dispatches: _more, ...counted } = device.counters;
    const { dispatches: _less, ...expected } = { ...before, submits: before.submits + 25, reads: before.reads + 25 };
    expect(counted).toEqual(expected);
  });

  test('only ids are read back', async () => {
    const read: number[] = [];
    const { read: original } = device;
    device.read = (tensor) => {
      read.push(tensor.size);
      return original.call(device, tensor);
    };
    try {
      await model.generate([1, 2, 3], { maxNewTokens: 6, temperature: 1 });
    } finally {
      device.read = original;
    }
    expect(Math.max(...read)).toBe(3);
    expect(read.length).toBe(6); // each choice, and nothing of a prompt that is behind the first one
  });

  test('100 generations leak nothing', async () => {
    const once = (maxNewTokens: number): Promise<unknown> =>
      model.generate([1, 2, 3], { maxNewTokens, temperature: 1 });
    for (let i = 0; i < 3; i++) await once(2);
    const before = { ...device.held, allocated: device.allocatedBytes };
    const { pipelines, buffers, stagingBuffers } = device.counters;
    for (let i = 0; i < 100; i++) await once(i % 3);
    expect({ ...device.held, allocated: device.allocatedBytes }).toEqual(before);
    expect(device.counters).toMatchObject({ pipelines, buffers, stagingBuffers });
  });
});

test.each(['leaving the loop', 'an abort'])('%s ends it within one step', async (how) => {
  const reason = new Error('no longer wanted');
  const controller = new AbortController();
  await model.generate([1, 2, 3], { maxNewTokens: 2 });
  const before = device.allocatedBytes;
  const { submits } = device.counters;
  let tokens = 0;
  const read = async (): Promise<void> => {
    for await (const { type } of model.stream([1, 2, 3], { maxNewTokens: 40, signal: controller.signal })) {
      if (type !== 'token' || ++tokens < 6) continue;
      if (how === 'leaving the loop') break;
      controller.abort(reason);
    }
  };
  const thrown = await read().catch((error: unknown) => error);
  expect(thrown).toBe(how === 'an abort' ? reason : undefined);
  expect(tokens).toBe(6);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(device.counters.submits - submits).toBe(2 + tokens + 1); // the state, the prompt, and one step past the last token
  expect(device.allocatedBytes).toBe(before);
});

test('streams at the same time do not disturb each other', async () => {
  const prompts = [someIds(3, V, 1), someIds(7, V, 2), someIds(5, V, 3)];
  const options = { maxNewTokens: 8, temperature: 1, seed: 4 };
  const alone: (readonly number[])[] = [];
  for (const prompt of prompts) alone.push(await idsOf(onCpu, prompt, options));
  expect(await Promise.all(prompts.map((prompt) => idsOf(model, prompt, options)))).toEqual(alone);
});

test('what is no number is an error with its step', async () => {
  const before = device.allocatedBytes;
  const head = model.params['head.weight']!;
  const row = [7 * smallSpec.dModel, 8 * smallSpec.dModel] as const;
  const kept = (await device.read(head)).slice(...row);
  device.write(head, new Float32Array(smallSpec.dModel).fill(Number.NaN), row[0]);
  for (const options of [{}, { temperature: 1 }, { logprobs: 1 }])
    await expect(model.generate([1, 2], options)).rejects.toMatchObject({
      code: 'NUMERICAL',
      facts: { step: 0, tokenId: 7, source: 'the model' },
    });
  device.write(head, kept, row[0]);
  expect(await idsOf(model, [1, 2], { maxNewTokens: 4 })).toEqual(await idsOf(onCpu, [1, 2], { maxNewTokens: 4 }));
  expect(device.allocatedBytes).toBe(before);
});
