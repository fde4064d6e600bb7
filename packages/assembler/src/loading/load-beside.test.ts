import { isFileSource, memorySource } from '@tessera/checkpoints';
import type { FileSource } from '@tessera/checkpoints';
import { TesseraError } from '@tessera/tensor-core';
import { describe, expect, test } from 'vitest';
import type { ProgressEvent } from '../progress.ts';
import { BesideDevice, assembler, caseDirectory, filesOf, largestDifference, llamaDirectory, someIds } from '../test-models.test-data.ts'; // prettier-ignore
import type { LoadOptions } from './load.ts';
import { allocateWeights, storedDtypes, weightsMeter, writeWeights } from './read-weights.ts';

/** Loads from a directory onto a device that works beside the host. */
async function load(directory: string, options: LoadOptions = {}, device = new BesideDevice()) {
  const model = await assembler.load(directory, { device, ...options });
  return { model, device };
}

describe('weights that are written into tensors', () => {
  // Matrices that are transposed, split, put together, squeezed, or none of it.
  test.each(['gpt2-full', 'phi3-partial', 'lfm2-full', 'olmo_hybrid-full', 'gpt_neox-full', 'llama-mqa-bias-tied'])(
    'are those that are uploaded, of %s',
    async (name) => {
      for (const dtype of ['auto', 'fp32', 'bf16'] as const) {
        await using expected = await assembler.load(caseDirectory(name), { device: 'cpu', dtype });
        const { model, device } = await load(caseDirectory(name), { dtype, precompile: false });
        expect(Object.keys(model.params).toSorted()).toEqual(Object.keys(expected.params).toSorted());
        for (const [path, tensor] of Object.entries(expected.params)) {
          const own = model.params[path]!;
          expect([path, own.dtype, own.shape]).toEqual([path, tensor.dtype, tensor.shape]);
          expect(await device.read(own)).toEqual(await expected.device.read(tensor));
        }
        expect(device.allocatedBytes).toBe(model.memory.weightBytes);
        await model.dispose();
        expect(device.allocatedBytes).toBe(0);
      }
    },
  );

  test('come in pieces: the host holds two of them at most, whatever the size of a tensor', async () => {
    const piece = 1000;
    const device = new BesideDevice();
    let held = 0;
    let most = 0;
    const write = device.write.bind(device);
    device.write = (to, data, offset) => {
      write(to, data, offset);
      held -= 2 * data.length; // the file has two bytes an element
    };
    const source = counted(memorySource(filesOf(llamaDirectory)), (path, bytes) => {
      if (path.endsWith('.safetensors')) most = Math.max(most, (held += bytes));
    });
    const { graph, reader, plan } = await assembler.open(source);
    const params = allocateWeights(graph, device, 'auto', storedDtypes(plan.rules, reader));
    [held, most] = [0, 0]; // headers
    const meter = weightsMeter(plan.rules, reader, undefined);
    await writeWeights({ reader, rules: plan.rules, meter, signal: undefined }, { device, params, piece });
    await reader.close();
    expect(most).toBe(2 * piece * 2);
    expect(held).toBe(0);
    await using expected = await assembler.load(llamaDirectory, { device: 'cpu' });
    for (const [path, tensor] of Object.entries(expected.params))
      expect(largestDifference(await device.read(params[path]!), await expected.device.read(tensor))).toBe(0);
  });

  test('are allocated before any of them is read', async () => {
    const device = new BesideDevice();
    const seen: number[] = [];
    const { model } = await load(llamaDirectory, { onProgress: () => seen.push(device.allocatedBytes) }, device);
    expect(Math.min(...seen)).toBe(model.memory.weightBytes);
    const refused = new TesseraError('OUT_OF_MEMORY', 'no memory left');
    const full = new BesideDevice();
    full.read = () => Promise.reject(refused);
    let reads = 0;
    const source = counted(
      memorySource(filesOf(llamaDirectory)),
      (path) => (reads += path.startsWith('model-') ? 1 : 0),
    );
    await expect(assembler.load(source, { device: full })).rejects.toBe(refused);
    expect(reads).toBe(4); // the headers
    expect(full.allocatedBytes).toBe(0);
  });
});

describe('the steps of generation', () => {
  test('are compiled while weights are read, and told of', async () => {
    const events: ProgressEvent[] = [];
    const { model, device } = await load(llamaDirectory, { onProgress: (event) => events.push(event) });
    const compile = events.filter(({ type }) => type === 'compile');
    expect(compile.map(({ loaded, total }) => [loaded, total])).toEqual([1, 2, 3, 4, 5].map((ready) => [ready, 5]));
    expect(events.at(-1)).toMatchObject({ type: 'ready', ratio: 1 });
    const { compiled } = device;
    expect(compiled).toBe(5); // the state, steps of 512, 128 and 32 entries, and the one that chooses
    await model.generate(someIds(300, 2048), { maxNewTokens: 3 });
    expect(device.compiled).toBe(compiled);
  });

  test('are those of a longer text where that is asked for, or none', async () => {
    const { model, device } = await load(llamaDirectory, { precompile: 20, contextLength: 40 });
    expect(device.compiled).toBe(3); // of 32 entries alone
    await model.generate(someIds(30, 2048), { maxNewTokens: 2 });
    expect(device.compiled).toBe(3);
    expect((await load(llamaDirectory, { precompile: false })).device.compiled).toBe(0);
    for (const precompile of [0, -1, 1.5, true, '512'])
      await expect(load(llamaDirectory, { precompile: precompile as number })).rejects.toThrow(
        `load: precompile is ${String(precompile)}, expected false or a whole number of positions from 1.`,
      );
  });

  test('are those that generation_config.json samples with', async () => {
    const files = {
      ...filesOf(llamaDirectory),
      'generation_config.json': '{"do_sample": true, "repetition_penalty": 1.1}',
    };
    const device = new BesideDevice();
    await using model = await assembler.load(files, { device });
    const { compiled } = device;
    await model.generate([1, 2], { maxNewTokens: 2 });
    expect(device.compiled).toBe(compiled);
    await model.generate([1, 2], { maxNewTokens: 2, temperature: 0, repetitionPenalty: 1 });
    expect(device.compiled).toBe(compiled + 1);
  });

  test('are none for a stack that does not generate', async () => {
    const device = new BesideDevice();
    const mixer = { type: '@tessera/attention-softmax:bidirectional-attention', config: { heads: 2 } };
    const made = await assembler.assemble({ vocabSize: 8, dModel: 4, maxPositions: 16, layers: [{ mixer }] });
    const { memorySink } = await import('@tessera/checkpoints');
    const sink = memorySink();
    await made.save(sink);
    await using model = await assembler.load(memorySource(sink.files), { device });
    expect(device.compiled).toBe(0);
    expect((await model.forward([[1, 2]])).logits).toHaveLength(16);
  });

  test('one that does not compile ends the loading, and frees what was there', async () => {
    const device = new BesideDevice();
    const broken = new Error('a shader does not compile');
    const compile = device.compile.bind(device);
    device.compile = (graph, options) => (device.compiled === 2 ? Promise.reject(broken) : compile(graph, options));
    await expect(load(llamaDirectory, {}, device)).rejects.toBe(broken);
    expect(device.allocatedBytes).toBe(0);
  });
});

test('an abort while weights are written rejects with its reason and frees everything', async () => {
  const device = new BesideDevice();
  const controller = new AbortController();
  const reason = new Error('no longer wanted');
  const onProgress = ({ type }: ProgressEvent): void => void (type === 'file-done' && controller.abort(reason));
  await expect(load(llamaDirectory, { signal: controller.signal, onProgress }, device)).rejects.toBe(reason);
  expect(device.allocatedBytes).toBe(0);
});

/** A source that tells of each read. */
function counted(source: FileSource, told: (path: string, bytes: number) => void): FileSource {
  expect(isFileSource(source)).toBe(true);
  return {
    ...source,
    async open(path, options) {
      const file = await source.open(path, options);
      if (!file) return undefined;
      return {
        ...file,
        read: (offset, length, more) => {
          told(path, length);
          return file.read(offset, length, more);
        },
      };
    },
  };
}
