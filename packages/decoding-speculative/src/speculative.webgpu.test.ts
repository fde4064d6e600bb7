import type { GenerateOptions, Model } from '@tessera/assembler';
import { shortConvolution } from '@tessera/attention-linear';
import { softmaxAttention } from '@tessera/attention-softmax';
import type { WebGpuDevice } from '@tessera/kernels-webgpu';
import { requestWebGpu } from '@tessera/kernels-webgpu';
import { softwareGpu } from '@tessera/software-gpu';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { draftModel } from './sources/draft-model.ts';
import { promptLookup } from './sources/prompt-lookup.ts';
import { speculative } from './speculative.ts';
import { modelOf, randomSource } from './stacks.test-support.ts';

const prompt = [3, 1, 4, 1, 5, 9, 2, 6];
// A cache whose rows move, and a state that is stepped again.
const mixers = [softmaxAttention({ heads: 2, rotary: {} }), shortConvolution({})];

let device: WebGpuDevice;
let model: Model;
beforeAll(async () => {
  device = (await requestWebGpu({ gpu: await softwareGpu() }))!;
  model = await modelOf(mixers, 3, { device });
});
afterAll(async () => {
  await model.dispose();
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

test('and with a model that drafts', async () => {
  await using smaller = await modelOf([softmaxAttention({ heads: 1 })], 4, { device });
  const wanted = { maxNewTokens: 8 };
  const decoder = speculative({ draft: draftModel(smaller), longest: 2, adaptive: false });
  const { newTokenIds } = await model.generate(prompt, wanted);
  expect((await model.generate(prompt, { ...wanted, decoder })).newTokenIds).toEqual(newTokenIds);
});

test('verification, acceptance, rollback and the reading of ids are one submit a round', async () => {
  const decoder = speculative({ draft: randomSource, longest: 2, adaptive: false });
  const counted = async (maxNewTokens: number): Promise<{ submits: number; reads: number; rounds: number }> => {
    const { submits, reads } = device.counters;
    const { speculation } = await model.generate(prompt, { maxNewTokens, decoder });
    return {
      submits: device.counters.submits - submits,
      reads: device.counters.reads - reads,
      rounds: speculation!.rounds,
    };
  };
  await counted(16);
  const [few, many] = [await counted(6), await counted(16)];
  expect(many.rounds).toBeGreaterThan(few.rounds);
  expect(many.submits - few.submits).toBe(many.rounds - few.rounds);
  expect(many.reads - few.reads).toBe(many.rounds - few.rounds);
});
