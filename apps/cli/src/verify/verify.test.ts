import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { directorySource, openSafetensors, writeSafetensors } from '@tessera/checkpoints';
import type { TensorBytes } from '@tessera/checkpoints';
import { describe, expect, test } from 'vitest';
import { caseDirectory, changeJson, copyOf, writeTestFile } from '../testing/checkpoints.test-support.ts';
import { runTessera } from '../testing/run-tessera.test-support.ts';
import type { Verdict } from './verdict.ts';

async function verify(...argv: string[]): Promise<{ status: number; stderr: string; verdicts: Verdict[] }> {
  const { status, stdout, stderr } = await runTessera(['verify', ...argv]);
  const lines = stdout.split('\n').filter((line) => line !== '');
  return { status, stderr, verdicts: lines.map((line) => JSON.parse(line) as Verdict) };
}

/** Rewrites one safetensors file of a copied case. */
async function changeTensors(
  directory: string,
  file: string,
  change: (tensor: TensorBytes) => TensorBytes | undefined,
): Promise<void> {
  const reader = await openSafetensors(await directorySource(directory), { file });
  const tensors: TensorBytes[] = [];
  for (const { name, dtype, shape } of reader.tensors.values()) {
    const changed = change({ name, dtype, shape, bytes: await reader.read(name) });
    if (changed) tensors.push(changed);
  }
  await reader.close();
  await writeTestFile(directory, file, writeSafetensors(tensors));
}

/** The tensor with its first bytes negated, whatever float type it has. */
function spoiled(tensor: TensorBytes): TensorBytes {
  const width = tensor.dtype === 'F32' ? 4 : 2;
  const bytes = Uint8Array.from(tensor.bytes, (byte, at) => (at % width === width - 1 ? byte ^ 0x80 : byte));
  return { ...tensor, bytes };
}

const spoil = (directory: string, name: string): Promise<void> =>
  changeTensors(directory, 'model.safetensors', (tensor) => (tensor.name === name ? spoiled(tensor) : tensor));

describe('a line of JSON', () => {
  test('comes for each directory, in order, and the table goes to standard error', async () => {
    const directories = [caseDirectory('llama-minimal'), caseDirectory('gemma3-bidirectional')];
    const { status, verdicts, stderr } = await verify(...directories);
    expect(status).toBe(0);
    expect(verdicts).toEqual([
      {
        directory: directories[0],
        family: 'llama',
        device: 'cpu',
        adapter: expect.any(String),
        dtype: 'fp32',
        maxAbsDiff: expect.any(Number),
        maxAbsReference: expect.any(Number),
        relative: expect.any(Number),
        greedyEqual: true,
        pass: true,
      },
      expect.objectContaining({ family: 'gemma3_text', greedyEqual: null, pass: true }),
    ]);
    expect(stderr).toContain('2 of 2 pass');
    expect(stderr).toMatch(/^directory +family/m);
    expect((await verify(directories[0]!, '--json')).stderr).not.toMatch(/^directory +family/m);
  });

  test('names what a directory lacks, and the others are verified all the same', async () => {
    const [missing, good] = [caseDirectory('no-such-case'), caseDirectory('gpt2-full')];
    const { status, verdicts } = await verify(missing, good);
    expect(status).toBe(1);
    expect(verdicts).toMatchObject([
      {
        directory: missing,
        pass: false,
        code: 'MODEL_FORMAT',
        error: expect.stringContaining('there is no such directory'),
      },
      { directory: good, pass: true },
    ]);
  });
});

describe('a wrong model', () => {
  test.each([
    ['model.layers.0.mlp.down_proj.weight', 0],
    ['model.layers.1.self_attn.q_proj.weight', 1],
    ['model.embed_tokens.weight', 'embedding'],
    ['model.norm.weight', 'head'],
  ])('%s spoiled is found in %s', async (name, layer) => {
    const directory = await copyOf(caseDirectory('llama-minimal'));
    await spoil(directory, name);
    const { status, verdicts, stderr } = await verify(directory);
    expect(status).toBe(1);
    expect(verdicts[0]).toMatchObject({ pass: false, firstDivergingLayer: layer });
    expect(stderr).toContain(`first in ${typeof layer === 'number' ? `layer ${layer}` : `the ${layer}`}`);
  });

  test('without hidden states nothing is said about where', async () => {
    const directory = await copyOf(caseDirectory('llama-minimal'));
    await spoil(directory, 'model.norm.weight');
    await changeTensors(directory, 'golden.safetensors', (tensor) =>
      tensor.name.startsWith('hidden_') ? undefined : tensor,
    );
    expect((await verify(directory)).verdicts[0]).toMatchObject({ pass: false, firstDivergingLayer: null });
  });

  test('greedy tokens that are not ours fail by themselves', async () => {
    const directory = await copyOf(caseDirectory('llama-minimal'));
    await changeTensors(directory, 'golden.safetensors', (tensor) => {
      if (tensor.name !== 'greedy_ids') return tensor;
      const ids = new BigInt64Array(Uint8Array.from(tensor.bytes).buffer);
      ids[20] = (ids[20]! + 1n) % 48n;
      return { ...tensor, bytes: new Uint8Array(ids.buffer) };
    });
    const { status, verdicts, stderr } = await verify(directory);
    expect(status).toBe(1);
    expect(verdicts[0]).toMatchObject({ greedyEqual: false, pass: false });
    expect(verdicts[0]).not.toHaveProperty('firstDivergingLayer');
    expect(stderr).toMatch(/greedy, position 20: \d+ instead of \d+, \S+ below our best logit/);
  });
});

describe('16-bit weights', () => {
  test.each(['fp16', 'bf16'])('%s is compared with our own fp32', async (dtype) => {
    const { status, verdicts } = await verify(caseDirectory('llama-full'), '--dtype', dtype);
    expect(status).toBe(0);
    expect(verdicts[0]).toMatchObject({ dtype, pass: true });
    expect(verdicts[0]!.relative).toBeLessThan(dtype === 'fp16' ? 2e-2 : 8e-2);
  });

  test('are exact as they lie in the checkpoint', async () => {
    const { verdicts } = await verify(caseDirectory('llama-full'), '--dtype', 'auto');
    expect(verdicts[0]).toMatchObject({ dtype: 'auto', pass: true });
    expect(verdicts[0]!.relative).toBeLessThan(2e-4);
  });
});

test('without meta.json the family is the model_type', async () => {
  const directory = await copyOf(caseDirectory('llama-minimal'));
  await changeJson(directory, 'meta.json', () => ({}));
  expect((await verify(directory)).verdicts[0]).toMatchObject({ family: 'llama', pass: true });
});

test('the context length of meta.json chooses the frequencies', async () => {
  const directory = await copyOf(caseDirectory('llama-dynamic-long'));
  const meta = JSON.parse(await readFile(join(directory, 'meta.json'), 'utf8')) as { context_length: number };
  expect(meta.context_length).toBe(24);
  await changeJson(directory, 'meta.json', (json) => ({ ...json, context_length: 40 }));
  expect((await verify(directory)).verdicts[0]).toMatchObject({ pass: false });
});

test('without a context length the frequencies are those of the inputs, and for texts those of the texts', async () => {
  const inputs = await copyOf(caseDirectory('llama-dynamic-long'));
  await changeJson(inputs, 'meta.json', (json) => ({ ...json, context_length: null }));
  expect((await verify(inputs)).verdicts[0]).toMatchObject({ pass: true });
  // Inputs of 36 and texts of 24 positions, on either side of an original length of 32.
  const both = await copyOf(caseDirectory('llama-longrope-across'));
  expect((await verify(both)).verdicts[0]).toMatchObject({ pass: true, greedyEqual: true });
  await changeJson(both, 'meta.json', (json) => ({ ...json, context_length: 36 }));
  expect((await verify(both)).verdicts[0]).toMatchObject({ pass: false, greedyEqual: false });
  await changeJson(both, 'meta.json', (json) => ({ ...json, context_length: 24 }));
  expect((await verify(both)).verdicts[0]!.relative).toBeGreaterThan(1e-2);
});

describe('gradients', () => {
  interface Reference {
    loss: number;
    params: Record<string, { norm: number; value: number[] }>;
  }
  const name = 'model.layers.0.self_attn.q_proj.weight';

  test('are compared by published name when they are asked for', async () => {
    const { status, verdicts, stderr } = await verify(caseDirectory('qwen2-padding-tied'), '--grads');
    expect(status).toBe(0);
    expect(verdicts[0]).toMatchObject({ pass: true, gradients: { tensors: 26, failing: [], pass: true } });
    expect(verdicts[0]!.gradients!.relative).toBeLessThan(1e-3);
    expect(stderr).toMatch(/gradients +worst +result/);
    expect((await verify(caseDirectory('qwen2-padding-tied'))).verdicts[0]).not.toHaveProperty('gradients');
  });

  test.each<[string, (reference: Reference) => unknown, object, string]>([
    [
      'a norm',
      ({ params }) => (params[name]!.norm *= 1.002),
      { failing: [name], worst: name },
      `furthest ${name}, by 2.00e-3`,
    ],
    ['a value', ({ params }) => (params[name]!.value[2]! += 1), { failing: [name], worst: name }, `furthest ${name}`],
    [
      'a name',
      ({ params }) => (params['x'] = params[name]!),
      { failing: ['x'], relative: null },
      'furthest x, by no number',
    ],
    ['the loss', (json) => (json.loss *= 1.001), { failing: [], pass: false }, 'that of the reference'],
  ])('%s that differs fails', async (_, change, gradients, complaint) => {
    const directory = await copyOf(caseDirectory('llama-minimal'));
    await changeJson(directory, 'grads.json', (json) => {
      change(json as unknown as Reference);
    });
    const { status, verdicts, stderr } = await verify(directory, '--grads');
    expect(status).toBe(1);
    expect(verdicts[0]).toMatchObject({ greedyEqual: true, pass: false, gradients });
    expect(stderr).toContain(complaint);
  });

  test('a tensor that the reference leaves out is told', async () => {
    const directory = await copyOf(caseDirectory('llama-minimal'));
    await changeJson(directory, 'grads.json', (json) => void delete (json as unknown as Reference).params[name]);
    const { verdicts, stderr } = await verify(directory, '--grads');
    expect(verdicts[0]).toMatchObject({ pass: true });
    expect(stderr).toContain(`${directory}: the reference says nothing about the gradient of ${name}.`);
  });

  test('need their file, in its form, and weights that are not rounded', async () => {
    const directory = await copyOf(caseDirectory('llama-minimal'));
    await changeJson(directory, 'grads.json', (json) => ({
      ...json,
      params: { [name]: { norm: 1, index: [1], value: [] } },
    }));
    expect((await verify(directory, '--grads')).verdicts[0]).toMatchObject({
      pass: false,
      code: 'MODEL_FORMAT',
      error: `grads.json: ${name} is not a norm, and as many places as values.`,
    });
    await rm(join(directory, 'grads.json'));
    expect((await verify(directory, '--grads')).verdicts[0]!.error).toContain(
      'there is no grads.json, expected the gradients of a reference implementation.',
    );
    const { status, stderr } = await verify(directory, '--grads', '--dtype', 'bf16');
    expect(status).not.toBe(0);
    expect(stderr).toContain(
      '--grads compares with gradients in single precision, and --dtype bf16 rounds the weights.',
    );
  });
});
