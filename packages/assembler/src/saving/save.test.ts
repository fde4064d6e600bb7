import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { memorySink, openSafetensors, toFloat32 } from '@tessera/checkpoints';
import type { FileSourceInput } from '@tessera/checkpoints';
import { expect, test } from 'vitest';
import {
  assembler,
  caseDirectory,
  caseNames,
  filesOf,
  hybridModel,
  largestDifference,
  llamaDirectory,
  someIds,
} from '../test-models.test-data.ts';

type Files = Record<string, Uint8Array<ArrayBuffer>>;

/** Dtype, shape and bytes of every tensor, in order; bytes as text, which is quick to compare. */
async function tensorsOf(source: FileSourceInput): Promise<Record<string, string>> {
  const { reader } = await assembler.open(source);
  const entries: [string, string][] = [];
  for (const [name, { dtype, shape }] of reader.tensors)
    entries.push([name, `${dtype} [${shape.join()}] ${Buffer.from(await reader.read(name)).toString('base64')}`]);
  await reader.close();
  return Object.fromEntries(entries);
}

/** Loads a case, saves it with options, and gives the files that were written. */
async function saved(source: FileSourceInput, options: object = {}): Promise<Files> {
  await using model = await assembler.load(source);
  const sink = memorySink();
  await model.save(sink, options);
  return Object.fromEntries(sink.files);
}

const json = (files: Files, name: string): unknown => JSON.parse(new TextDecoder().decode(files[name]));

test.each(caseNames)('%s: load then save gives the same tensors, config and companions', async (name) => {
  const source = filesOf(caseDirectory(name));
  const written = await saved(source);
  expect(await tensorsOf(written)).toEqual(await tensorsOf(source));
  expect(json(written, 'config.json')).toEqual(json(source, 'config.json'));
  expect(Object.keys(written).toSorted()).toEqual(Object.keys(source).toSorted());
});

test('a sharded model of 16 bits comes back as one file, with its tokenizer, byte for byte', async () => {
  const source = filesOf(llamaDirectory);
  const written = await saved(source);
  expect(await tensorsOf(written)).toEqual(await tensorsOf(source));
  for (const name of ['tokenizer.json', 'tokenizer_config.json', 'generation_config.json'])
    expect(Buffer.compare(written[name]!, source[name]!)).toBe(0);
  expect(Object.keys(written)).not.toContain('model.safetensors.index.json');
});

test('buffers that are no part of the model are carried along', async () => {
  const written = await saved(caseDirectory('gpt2-base-names'));
  expect(Object.keys(await tensorsOf(written))).toContain('h.0.attn.bias');
});

test('more bytes than a shard may have are saved as shards that load again', async () => {
  const source = filesOf(caseDirectory('llama-full'));
  const written = await saved(source, { maxShardBytes: 6000 });
  expect(Object.keys(written).filter((name) => name.endsWith('.safetensors')).length).toBeGreaterThan(2);
  expect(Object.keys(written)).toContain('model.safetensors.index.json');
  expect(await tensorsOf(written)).toEqual(await tensorsOf(source));
});

test.each([
  ['fp32', 'F32', 'float32', 0],
  ['bf16', 'BF16', 'bfloat16', 2 ** -8],
  ['fp16', 'F16', 'float16', 2 ** -10],
] as const)(
  'saved as %s, every tensor of the model is rounded to it, and the config says so',
  async (dtype, element, configDtype, rounding) => {
    for (const name of ['llama-full', 'olmo_hybrid-full', 'gpt2-full']) {
      const source = filesOf(caseDirectory(name));
      const written = await saved(source, { dtype });
      const [before, after] = [
        await openSafetensors(source['model.safetensors']!),
        await openSafetensors(written['model.safetensors']!),
      ];
      expect([...after.tensors.keys()].toSorted()).toEqual([...before.tensors.keys()].toSorted());
      for (const [tensor, { dtype: was }] of before.tensors) {
        expect(after.tensors.get(tensor)!.dtype).toBe(element);
        const [old, made] = [toFloat32(await before.read(tensor), was), toFloat32(await after.read(tensor), element)];
        expect(largestDifference(old, made)).toBeLessThanOrEqual(rounding * Math.max(...old.map(Math.abs), 2 ** -10));
      }
      expect(json(written, 'config.json')).toMatchObject({ dtype: configDtype });
      await (await assembler.load(written)).dispose();
    }
  },
);

test('a config that spells torch_dtype keeps that spelling', async () => {
  const source = filesOf(caseDirectory('llama-full'));
  const { dtype, ...config } = json(source, 'config.json') as Record<string, unknown>;
  source['config.json'] = new TextEncoder().encode(JSON.stringify({ ...config, torch_dtype: dtype }));
  const written = json(await saved(source, { dtype: 'fp32' }), 'config.json');
  expect(written).toMatchObject({ torch_dtype: 'float32' });
  expect(written).not.toHaveProperty('dtype');
});

test('a model of our own is saved with its spec and the packages it needs, and loads with the same logits', async () => {
  await using model = await hybridModel();
  const sink = memorySink();
  await model.save(sink);
  const files: Files = Object.fromEntries(sink.files);
  expect(json(files, 'config.json')).toMatchObject({
    model_type: 'tessera',
    spec: { vocabSize: 40, dModel: 12 },
    plugins: {
      '@tessera/attention-linear': '*',
      '@tessera/attention-softmax': '*',
      '@tessera/feedforward': '*',
      '@tessera/norms': '*',
    },
  });
  const ids = [someIds(30, 40)];
  const { logits } = await model.forward(ids);
  await using again = await assembler.load(files);
  expect((await again.forward(ids)).logits).toEqual(logits);
  const twice = await saved(files);
  expect(await tensorsOf(twice)).toEqual(await tensorsOf(files));
  expect(json(twice, 'config.json')).toEqual(json(files, 'config.json'));
  // Rounded once more, it still loads.
  await using half = await assembler.load(await saved(files, { dtype: 'bf16' }));
  expect(largestDifference((await half.forward(ids)).logits, logits)).toBeLessThan(0.1);
});

test('a model can be saved over the files that it was loaded from', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'tessera-save-'));
  try {
    await using original = await assembler.load(caseDirectory('gpt2-base-names'));
    await original.save(directory, { maxShardBytes: 5000 });
    const before = await tensorsOf(directory);
    await using model = await assembler.load(directory);
    await model.save(directory);
    expect(await tensorsOf(directory)).toEqual(before);
    expect((await readdir(directory)).filter((name) => name.endsWith('.part'))).toEqual([]);
    expect(await readdir(directory)).not.toContain('model.safetensors.index.json');
  } finally {
    await rm(directory, { recursive: true });
  }
});

test('options that do not exist or do not fit are refused before anything is written', async () => {
  await using model = await hybridModel();
  const sink = memorySink();
  const refuse = async (options: object, message: string): Promise<void> =>
    expect(model.save(sink, options)).rejects.toThrow(message);
  await refuse(
    { format: 'gguf' },
    "save: 'format' is not an option that is honoured. Known are dtype, maxShardBytes, signal.",
  );
  await refuse({ dtype: 'int8' }, "save: dtype is 'int8', expected one of fp32, fp16, bf16.");
  await refuse({ maxShardBytes: 0 }, 'save: maxShardBytes is 0, expected a number above 0.');
  const reason = new Error('no longer wanted');
  await expect(model.save(sink, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  expect(sink.files.size).toBe(0);
});
