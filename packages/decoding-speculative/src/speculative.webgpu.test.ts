import type { GenerateOptions, Model } from '@tessera/assembler';
import { shortConvolution } from '@tessera/attention-linear';
import { softmaxAttention } from '@tessera/attention-softmax';
import type { WebGpuDevice } from '@tessera/kernels-webgpu';
import { requestWebGpu } from '@tessera/kernels-webgpu';
import { softwareGpu } from '@tessera/software-gpu';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { draftModel } from './sources/draft-model.ts';
import type { DraftSource } from './sources/draft-source.ts';
import { promptLookup } from './sources/prompt-lookup.ts';
import { speculative } from './speculative.ts';
import { modelOf, randomSource } from './stacks.test-support.ts';

const prompt = [3, 1, 4, 1, 5, 9, 2, 6];
// A cache whose rows move, and a state that is stepped again.
const mixers = [softmaxAttention({ heads: 2, rotary: {} }), shortConvolution({})];

let device: WebGpuDevice;
let model: Model;
/** Proposes; of the same layers in another order. */
let smaller: Model;
beforeAll(async () => {
  device = (await requestWebGpu({ gpu: await softwareGpu() }))!;
  model = await modelOf(mixers, 3, { device });
  smaller = await modelOf(mixers.toReversed(), 4, { device });
});
afterAll(async () => {
  await Promise.all([model.dispose(), smaller.dispose()]);
  device.dispose();
});

test.each<[string, GenerateOptions]>([
  ['greedy', {}],
  ['of a seed', { temperature: 1.1, topK: 12, seed: 7 }],
])('texts are those of plain decoding: %s', async (_, options) => {
  const wanted = { maxNewTokens: 10, ...options };
  const plain = await model.generate(prompt, wanted);
  for (const draft of [promptLookup(), randomSource]) {
    const decoder = speculative({ draft, longest: 2, adaptive: false });
    expect((await model.generate(prompt, { ...wanted, decoder })).newTokenIds).toEqual(plain.newTokenIds);
  }
});

test.each<[string, GenerateOptions]>([
  ['greedy', {}],
  ['of a seed, with penalties', { temperature: 0.8, repetitionPenalty: 1.3, seed: 5 }],
])('and with models that draft on the device: %s', async (_, options) => {
  const wanted = { maxNewTokens: 12, ...options };
  const plain = await model.generate(prompt, wanted);
  for (const draft of [smaller, model]) {
    const decoder = speculative({ draft: draftModel(draft), longest: 3, adaptive: false });
    const { newTokenIds, speculation } = await model.generate(prompt, { ...wanted, decoder });
    expect(newTokenIds).toEqual(plain.newTokenIds);
    // What a model proposes to itself is what it chooses: in three rounds of four tokens.
    expect(speculation!.rounds).toBe(draft === model ? 3 : speculation!.rounds);
  }
});

test.each<[string, () => DraftSource]>([
  ['of the host', () => randomSource],
  ['of a model on the device', () => draftModel(smaller)],
])('a round with a draft %s is one submit and one reading, and makes no buffers', async (_, sourceOf) => {
  const decoder = speculative({ draft: sourceOf(), longest: 3, adaptive: false });
  const counted = async (maxNewTokens: number): Promise<Record<'submits' | 'reads' | 'buffers' | 'rounds', number>> => {
    const { submits, reads, buffers } = device.counters;
    const { speculation } = await model.generate(prompt, { maxNewTokens, decoder });
    return {
      submits: device.counters.submits - submits,
      reads: device.counters.reads - reads,
      buffers: device.counters.buffers - buffers,
      rounds: speculation!.rounds,
    };
  };
  await counted(24);
  const allocated = device.allocatedBytes;
  const [few, many] = [await counted(6), await counted(24)];
  expect(many.rounds).toBeGreaterThan(few.rounds);
  expect(many.submits - few.submits).toBe(many.rounds - few.rounds);
  expect(many.reads - few.reads).toBe(many.rounds - few.rounds);
  expect([few.buffers, many.buffers]).toEqual([0, 0]);
  expect(device.allocatedBytes).toBe(allocated);
});

test.each<[string, () => GenerateOptions]>([
  ['plain', () => ({})],
  ['with drafts of adaptive length', () => ({ decoder: speculative({ draft: draftModel(smaller), longest: 4 }) })],
])(
  'a text that is written again meets the buffers of the first one, and makes no bind group: %s',
  async (_, options) => {
    const write = async (): Promise<number> => {
      const { bindGroups } = device.counters;
      await model.generate(prompt, { maxNewTokens: 24, ...options() });
      return device.counters.bindGroups - bindGroups;
    };
    for (let i = 0; i < 4; i++) await write();
    expect(await write()).toBe(0);
  },
);
