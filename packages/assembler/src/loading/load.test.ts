import { CpuDevice } from '@tessera/tensor-core';
import { expect, test } from 'vitest';
import type { ProgressEvent } from '../progress.ts';
import {
  assembler,
  caseDirectory,
  filesOf,
  largestDifference,
  llamaDirectory,
  someIds,
} from '../test-models.test-data.ts';

const directory = caseDirectory('llama-full');
const files = filesOf(directory);

test('a directory, its address, files in memory and files of a page give the same model', async () => {
  const picked = Object.entries(files).map(([name, bytes]) => new File([bytes], name));
  const nested = Object.fromEntries(Object.entries(files).map(([name, bytes]) => [`original/${name}`, bytes]));
  const ids = [someIds(7, 48)];
  const logits: Float32Array[] = [];
  for (const [source, options] of [
    [directory, {}],
    [new URL(`file://${directory}`), {}],
    [files, {}],
    [picked, {}],
    [nested, { subfolder: 'original' }],
  ] as const) {
    await using model = await assembler.load(source, options);
    logits.push((await model.forward(ids)).logits);
  }
  expect(logits[0]!.some((value) => value !== 0)).toBe(true);
  for (const other of logits) expect(other).toEqual(logits[0]);
});

test('dtypes: 16 bits take half the room of the matrices, and `auto` keeps what the file has', async () => {
  const sizes = new Map<string, number>();
  for (const dtype of ['auto', 'fp32', 'f32', 'fp16', 'bf16'] as const) {
    const device = new CpuDevice();
    await using model = await assembler.load(caseDirectory('llama-minimal'), { device, dtype });
    expect(model.dtype).toBe({ auto: 'fp16', fp32: 'fp32', f32: 'fp32', fp16: 'fp16', bf16: 'bf16' }[dtype]);
    expect(device.allocatedBytes).toBe(model.memory.weightBytes);
    using session = await model.session();
    expect(session.stateBytes).toBe(model.memory.stateBytes);
    expect(device.allocatedBytes).toBe(model.memory.totalBytes);
    sizes.set(dtype, model.memory.weightBytes);
  }
  expect(sizes.get('bf16')).toBe(sizes.get('fp16'));
  expect(sizes.get('f32')).toBe(sizes.get('fp32'));
  expect(sizes.get('bf16')).toBeLessThan(0.6 * sizes.get('fp32')!);
  expect(sizes.get('auto')).toBe(sizes.get('bf16'));
});

test('progress tells of each file, of the whole, and of the end, in this order', async () => {
  const events: ProgressEvent[] = [];
  await using model = await assembler.load(llamaDirectory, { onProgress: (event) => events.push(event) });
  expect(model.memory.parameters).toBe(3_344_640);
  const shards = [1, 2, 3, 4].map((number) => `model-0000${number}-of-00004.safetensors`);
  for (const shard of shards) {
    const own = events.filter(({ file }) => file === shard);
    expect(own[0]).toMatchObject({ type: 'file-start', loaded: 0, ratio: 0 });
    expect(own.at(-1)).toMatchObject({ type: 'file-done', ratio: 1, loaded: own[0]!.total });
    expect(own.slice(1, -1).every(({ type }) => type === 'file-progress')).toBe(true);
  }
  const overall = events.filter(({ file }) => file === undefined);
  expect(overall.at(-1)).toMatchObject({ type: 'ready', ratio: 1, etaMs: 0 });
  expect(overall.at(-2)).toMatchObject({ type: 'total', ratio: 1 });
  const total = shards.reduce((sum, shard) => sum + events.find(({ file }) => file === shard)!.total, 0);
  expect(overall.every((event) => event.total === total)).toBe(true);
  expect(total).toBe(2 * 3_344_640);
  expect(overall.map(({ loaded }) => loaded)).toEqual(overall.map(({ loaded }) => loaded).toSorted((a, b) => a - b));
});

test('an abort while weights are read rejects with its reason and frees everything', async () => {
  const device = new CpuDevice();
  const controller = new AbortController();
  const reason = new Error('no longer wanted');
  let most = 0;
  const loading = assembler.load(llamaDirectory, {
    device,
    signal: controller.signal,
    onProgress: ({ type }) => {
      most = Math.max(most, device.allocatedBytes);
      if (type === 'file-done') controller.abort(reason);
    },
  });
  await expect(loading).rejects.toBe(reason);
  expect(most).toBeGreaterThan(0);
  expect(device.allocatedBytes).toBe(0);
  await expect(assembler.load(files, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
});

test('a device that was made for a load that fails is disposed of', async () => {
  let disposed = 0;
  class Counted extends CpuDevice {
    override dispose(): void {
      disposed++;
    }
  }
  const { createAssembler } = await import('../assembler.ts');
  const backed = createAssembler({ plugins: [], backends: { webgpu: () => Promise.resolve(new Counted()) } });
  await expect(backed.load({})).rejects.toThrow('memory: there is no config.json.');
  expect(disposed).toBe(1);
  const device = new Counted();
  await expect(backed.load({}, { device })).rejects.toThrow('memory: there is no config.json.');
  expect(disposed).toBe(1);
});

test('an opened checkpoint is understood without reading a weight', async () => {
  const opened = await assembler.open(llamaDirectory, { contextLength: 300 });
  expect(opened.graph.resolved.spec).toMatchObject({ vocabSize: 2048, dModel: 256 });
  expect(opened.plan.rules.length).toBe(38);
  expect(opened.warnings).toEqual([]);
  await opened.reader.close();
  await expect(assembler.open(files, { dtype: 'fp16' } as never)).rejects.toThrow(
    "open: 'dtype' is not an option that is honoured. Known are subfolder, contextLength, cachePolicy, fetch, signal.",
  );
});

test('a shorter context takes less state, and what does not fit it is refused', async () => {
  await using whole = await assembler.load(files);
  await using short = await assembler.load(files, { contextLength: 10 });
  expect(short.contextLength).toBe(10);
  expect(short.memory.stateBytes).toBeLessThan(whole.memory.stateBytes!);
  await expect(short.generate(someIds(8, 48), { maxNewTokens: 3 })).rejects.toThrow(
    'The prompt has 8 tokens and 3 new ones are asked for; the context holds 10. Shorten the prompt, ask for fewer tokens, or load the model with a larger contextLength.',
  );
  await expect(short.generate(someIds(10, 48))).rejects.toThrow('The prompt has 10 tokens; the context holds 10.');
});

test('learned positions end somewhere: past them there is an error, not a guess', async () => {
  const gpt2 = filesOf(caseDirectory('gpt2-full'));
  const { n_positions: most, vocab_size: vocabulary } = JSON.parse(
    new TextDecoder().decode(gpt2['config.json']),
  ) as Record<string, number>;
  await expect(assembler.load(gpt2, { contextLength: most! + 1 })).rejects.toThrow(
    /contextLength is \d+, and the model has a learned table of/,
  );
  await using model = await assembler.load(gpt2);
  const ids = someIds(most! + 1, vocabulary!);
  await expect(model.forward([ids])).rejects.toMatchObject({ code: 'CONTEXT_OVERFLOW' });
  await expect(model.forward([ids])).rejects.toThrow(
    `The rows have ${most! + 1} positions, and the model has learned ${most}. Ask for at most that many.`,
  );
  await expect(model.session({ capacity: most! + 1 })).rejects.toThrow(
    `A session of ${most! + 1} positions, and the model has learned ${most}.`,
  );
  using session = await model.session();
  await session.feed([ids.slice(1)]);
  await expect(session.feed([[1]])).rejects.toMatchObject({ code: 'CONTEXT_OVERFLOW' });
});

test('a tied matrix is kept once, and one that is not tied after all is used as it is', async () => {
  const { 'model.safetensors': _, ...rest } = filesOf(caseDirectory('granite-tied-llama3'));
  expect(Object.keys(rest)).toContain('config.json');
  await using model = await assembler.load(caseDirectory('granite-tied-llama3'));
  expect(Object.keys(model.params)).not.toContain('head.weight');
  const { logits } = await model.forward([someIds(5, model.spec.vocabSize)]);
  expect(largestDifference(logits, new Float32Array(logits.length))).toBeGreaterThan(0);
});
