import type { Model } from '@tessera/assembler';
import { shortConvolution } from '@tessera/attention-linear';
import { softmaxAttention } from '@tessera/attention-softmax';
import type { WebGpuDevice } from '@tessera/kernels-webgpu';
import { requestWebGpu } from '@tessera/kernels-webgpu';
import { softwareGpu } from '@tessera/software-gpu';
import { batchOf } from '@tessera/training';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createMedusaHeads } from '../heads/create-heads.ts';
import { usualTree } from '../heads/candidate-tree.ts';
import { headAccuracy } from '../heads/head-accuracy.ts';
import { randomHeads, train } from '../heads/heads.test-support.ts';
import { speculative } from '../speculative.ts';
import { modelOf } from '../stacks.test-support.ts';
import type { MedusaHeadsSourceOptions } from './medusa-heads.ts';
import { medusaHeads } from './medusa-heads.ts';

const mixers = [softmaxAttention({ heads: 2, rotary: {} }), shortConvolution({})];
const rows = [0, 1].map((from) => Array.from({ length: 9 }, (_, t) => [3, 1, 4, 9][(from + t) % 4]!));

let device: WebGpuDevice;
let model: Model;
let same: Model;
beforeAll(async () => {
  device = (await requestWebGpu({ gpu: await softwareGpu() }))!;
  [model, same] = await Promise.all([modelOf(mixers, 3, { device }), modelOf(mixers)]);
});
afterAll(async () => {
  await Promise.all([model.dispose(), same.dispose()]);
  device.dispose();
});

test('a GPU trains heads as the CPU does', async () => {
  const made = await Promise.all(
    [model, same].map(async (each) => {
      using heads = await createMedusaHeads(each, { heads: 2 });
      const { first, last } = await train(heads, rows, 3);
      return [first, last, ...(await headAccuracy(heads, [batchOf(rows)]))];
    }),
  );
  expect(made[0]).toEqual(made[1]!.map((value) => expect.closeTo(value, 3)));
  expect(made[0]![1]).toBeLessThan(made[0]![0]!);
});

const forms: readonly MedusaHeadsSourceOptions[] = [{}, { tree: usualTree(2, 3) }];

test.each(forms)('and drafts with them: texts are those of plain decoding: %o', async (form) => {
  const options = { maxNewTokens: 10 };
  const plain = await model.generate([3, 1, 4, 9], options);
  using heads = await randomHeads(model, { heads: 2 });
  const draft = medusaHeads(heads, form);
  expect(draft.trees).toBe(form.tree !== undefined);
  const decoder = speculative({ draft, longest: 3, adaptive: false });
  const { newTokenIds, speculation } = await model.generate([3, 1, 4, 9], { ...options, decoder });
  expect(newTokenIds).toEqual(plain.newTokenIds);
  expect(speculation!.drafted).toBeGreaterThan(0);
});
