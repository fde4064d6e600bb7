import { describe, expect, test } from 'vitest';
import { caseDirectory, copyOf, smallModel, writeTestFile } from '../testing/checkpoints.test-support.ts';
import { runTessera } from '../testing/run-tessera.test-support.ts';
import type { Description } from './description.ts';
import { groupLayers, showRanges } from './layer-groups.ts';
import { showSettings } from './show-settings.ts';

async function describeModel(...argv: string[]): Promise<Description> {
  return JSON.parse((await runTessera(['inspect', ...argv, '--json'])).stdout) as Description;
}

test('a checkpoint is described without its weights', async () => {
  const { status, stdout, stderr } = await runTessera(['inspect', smallModel]);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout).toContain('llama, 3,344,640 parameters, 4 layers');
  expect(stdout).toMatch(/^ *0–3 +mixerNorm +@tessera\/norms:rms/m);
  expect(stdout).toMatch(/mixer +@tessera\/attention-softmax:softmax-attention +heads 8, kvHeads 2, headDim 32/);
  expect(stdout).toContain('state: linear, 2.0 KiB per token, 1.0 MiB for 512 positions');
  expect(stdout).toContain('tokenizer: 2,048 ids, 1 special, bos 0, eos 0, at most 512 tokens, no chat template');
  const made = await describeModel(smallModel);
  expect(made).toMatchObject({
    modelType: 'llama',
    parameters: 3_344_640,
    spec: { layers: 4, vocabSize: 2048, dModel: 256 },
    layers: [{ indices: [0, 1, 2, 3] }],
    state: { growth: 'linear', bytesPerToken: expect.any(Number), contextLength: 512 },
    tokenizer: { vocabSize: 2048, chatTemplate: false },
    mixers: [{ name: '@tessera/attention-softmax:softmax-attention', layers: [0, 1, 2, 3], growth: ['linear'] }],
    checkpoint: { tensors: 38, dtypes: ['BF16'] },
  });
  expect(made.memory.fp16.weightBytes).toBeLessThan(0.51 * made.memory.fp32.weightBytes);
  expect(made.memory.bf16).toEqual(made.memory.fp16);
});

test('the state is counted at another context length', async () => {
  const { state, memory } = await describeModel(smallModel, '--context-length', '64');
  const usual = await describeModel(smallModel);
  expect(state!.contextLength).toBe(64);
  expect(state!.bytes).toBeLessThan(usual.state!.bytes);
  expect(memory.fp32.totalBytes - memory.fp32.weightBytes).toBe(state!.bytes);
});

test('a hybrid shows each of its mixers', async () => {
  const { mixers, layers } = await describeModel(caseDirectory('lfm2-full'));
  expect(layers.length).toBeGreaterThan(1);
  expect(mixers.map(({ name, growth }) => [name, growth])).toEqual([
    ['@tessera/attention-softmax:softmax-attention', ['linear']],
    ['@tessera/attention-linear:short-convolution', ['constant']],
  ]);
});

test('a model that does not generate has no state', async () => {
  expect(await describeModel(caseDirectory('gemma3-bidirectional'))).toMatchObject({ state: null, tokenizer: null });
  const { stdout } = await runTessera(['inspect', caseDirectory('gemma3-bidirectional')]);
  expect(stdout).toContain('state: none, the model does not generate');
});

test('weights are not read', async () => {
  const copy = await copyOf(caseDirectory('llama-minimal'));
  const before = await describeModel(copy);
  await writeTestFile(copy, 'golden.safetensors', '');
  expect(await describeModel(copy)).toEqual(before);
});

test('--capabilities lists all mixers', async () => {
  const { status, stdout } = await runTessera(['inspect', '--capabilities']);
  expect(status).toBe(0);
  for (const name of ['softmax-attention', 'bidirectional-attention', 'gated-delta-net', 'short-convolution'])
    expect(stdout).toContain(`:${name}`);
  const { stdout: json } = await runTessera(['inspect', '--capabilities', '--json']);
  expect(JSON.parse(json)).toContainEqual(expect.objectContaining({ decoding: false, trees: 'none' }));
});

test('either a directory or --capabilities is given', async () => {
  expect(await runTessera(['inspect'])).toMatchObject({
    status: 2,
    stderr: 'tessera inspect: expected a directory, or --capabilities.\nSee tessera inspect --help.\n',
  });
  expect((await runTessera(['inspect', smallModel, '--capabilities'])).status).toBe(2);
});

describe('layers', () => {
  test('are grouped wherever they stand', () => {
    const [a, b] = [{ mixer: { type: 'x:a' } }, { mixer: { type: 'x:b' } }];
    expect(groupLayers([a, b, a, a, b]).map(({ indices }) => showRanges(indices))).toEqual(['0, 2–3', '1, 4']);
  });

  test('have settings on one line', () => {
    expect(
      showSettings({ heads: 8, rotary: { theta: 1e4, factors: [1, 2, 3, 4, 5] }, none: undefined, pair: [1, 2] }),
    ).toBe('heads 8, rotary { theta 10000, factors [5 values] }, pair [1, 2]');
  });
});
