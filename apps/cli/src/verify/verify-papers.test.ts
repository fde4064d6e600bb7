import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createAssembler } from '@tessera/assembler';
import { wholeGatedAttentionUnit } from '@tessera/attention-linear';
import { expect, test } from 'vitest';
import { plugins } from '../plugins.ts';
import { papersDirectory } from '../testing/checkpoints.test-support.ts';
import { runTessera } from '../testing/run-tessera.test-support.ts';

const linearized = readdirSync(papersDirectory).filter((name) => name.startsWith('linearized_'));

test('models and single layers are among them', () => {
  expect(linearized.map((name) => name.replace(/_[^_]+$/, ''))).toEqual(
    expect.arrayContaining(['linearized_flash', 'linearized_gpt2_attn', 'linearized_llama_replace']),
  );
});

test.each(linearized)('%s gives what the official code gives', async (name) => {
  const { status, stdout } = await runTessera(['verify', join(papersDirectory, name), '--device', 'cpu', '--json']);
  expect(JSON.parse(stdout)).toMatchObject({ device: 'cpu', dtype: 'fp32', pass: true });
  expect(status).toBe(0);
});

test('a single layer has no gradients to compare, and says so', async () => {
  const directory = join(papersDirectory, 'linearized_gpt2_attn_aug');
  const { status, stderr } = await runTessera(['verify', directory, '--device', 'cpu', '--grads']);
  expect(stderr).toContain('a single layer has none');
  expect(status).toBe(1);
});

test('a unit that is divided by the whole length is refused when tokens are to be generated', async () => {
  const model = createAssembler({ plugins }).assemble({
    vocabSize: 8,
    dModel: 4,
    maxPositions: 16,
    layers: [{ mixer: { type: wholeGatedAttentionUnit.name, config: { keyDim: 4, valueDim: 8, form: 'softmax' } } }],
  });
  await expect((await model).session()).rejects.toThrow('@tessera/attention-linear:whole-gated-attention-unit');
});
