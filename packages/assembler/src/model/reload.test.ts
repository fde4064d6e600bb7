import { memorySink, memorySource } from '@tessera/checkpoints';
import { CpuDevice, mul } from '@tessera/tensor-core';
import { expect, test } from 'vitest';
import { caseDirectory, assembler, filesOf, hybridModel, smallSpec, someIds } from '../test-models.test-data.ts';
import { Model } from './model.ts';

const reason = new Error('no longer wanted');

test('a reload reads the weights again, and the model is what it was', async () => {
  const files = filesOf(caseDirectory('llama-minimal'));
  const device = new CpuDevice();
  await using model = await assembler.load(files, { device, dtype: 'bf16' });
  const prompt = someIds(6, model.spec.vocabSize);
  const { logits } = await model.forward([prompt]);
  const { allocatedBytes } = device;
  const events: string[] = [];
  const session = await model.session();
  const old = model.params['embedding.weight'];
  await model.reload({ onProgress: ({ type }) => events.push(type) });
  expect(model.params['embedding.weight']).not.toBe(old);
  expect(model.dtype).toBe('bf16');
  expect((await model.forward([prompt])).logits).toEqual(logits);
  expect(events.at(-1)).toBe('ready');
  await expect(session.feed([[1]])).rejects.toMatchObject({ code: 'FEATURE_UNAVAILABLE' });
  session.dispose();
  expect(device.allocatedBytes).toBe(allocatedBytes);
});

test('while it is under way, and after it failed, the model says so', async () => {
  const files = filesOf(caseDirectory('llama-minimal'));
  const source = { ...files };
  const device = new CpuDevice();
  const model = await assembler.load(source, { device });
  const controller = new AbortController();
  const reloading = model.reload({ signal: controller.signal, onProgress: () => controller.abort(reason) });
  await expect(model.reload()).rejects.toThrow('reload: one is under way. Wait for it before you ask for another.');
  await expect(model.forward([[1]])).rejects.toThrow(
    'The model has no weights: a reload is under way, or failed. Wait for it, or reload again.',
  );
  await expect(reloading).rejects.toBe(reason);
  expect(device.allocatedBytes).toBe(0);
  await expect(model.generate([1])).rejects.toThrow('The model has no weights');
  await expect(model.reload({ seed: 1 } as never)).rejects.toThrow(
    "reload: 'seed' is not an option that is honoured. Known are device, signal, onProgress.",
  );
  await model.reload();
  expect((await model.generate([1], { maxNewTokens: 2 })).newTokenIds).toHaveLength(2);
  const last = model.reload();
  await model.dispose();
  await expect(last).rejects.toThrow('The model was disposed. Load it again.');
  expect(device.allocatedBytes).toBe(0);
  await expect(model.reload()).rejects.toThrow('The model was disposed. Load it again.');
});

test('a model that was put together by hand has no weights to reload', async () => {
  await using made = await hybridModel();
  const { graph, device, params, memory: estimate } = made;
  const model = new Model({ graph, device, params, estimate, ownsDevice: false, loadMs: 0 });
  await expect(model.reload()).rejects.toThrow('reload: the weights of this model were handed in, and are not kept');
  expect(model.spec.dModel).not.toBe(smallSpec.dModel);
});

test('weights can be written over, rounded to how they are kept; they are not reloaded then', async () => {
  await using model = await assembler.load(filesOf(caseDirectory('llama-minimal')), { device: 'cpu', dtype: 'bf16' });
  const path = 'layers.0.mixer.q_proj';
  const { size } = model.params[path]!;
  const { logits } = await model.forward([[1, 2]]);
  model.overwrite(path, new Float32Array(size).fill(1 + 2 ** -9));
  expect((await model.forward([[1, 2]])).logits).not.toEqual(logits);
  expect(new Set(await model.device.read(model.params[path]!))).toEqual(new Set([0x3f80]));
  expect(() => model.overwrite(path, new Float32Array(3))).toThrow(
    `overwrite: 3 numbers for ${path}, expected the ${size} of its own weights.`,
  );
  expect(() => model.overwrite('layers.9.x', new Float32Array(3))).toThrow('expected a parameter of the model.');
  await expect(model.reload()).rejects.toThrow('reload: the weights of this model were handed in');
});

test('a model over weights of something else frees programs alone, and saves what is only recorded', async () => {
  const device = new CpuDevice();
  await using owner = await assembler.load(filesOf(caseDirectory('llama-minimal')), { device, dtype: 'fp32' });
  const { graph, params, memory: estimate } = owner;
  const path = 'layers.0.mixer.q_proj';
  const doubled = { ...params, [path]: mul(params[path]!, 2) };
  const view = new Model({
    graph,
    device,
    params: doubled,
    ownsWeights: false,
    estimate,
    ownsDevice: false,
    loadMs: 0,
  });
  const { allocatedBytes } = device;
  const { logits } = await view.forward([[1, 2]]);
  const sink = memorySink();
  await view.save(sink);
  await view.dispose();
  expect(device.allocatedBytes).toBe(allocatedBytes);
  await using saved = await assembler.load(memorySource(sink.files), { device: 'cpu' });
  expect((await saved.forward([[1, 2]])).logits).toEqual(logits);
  expect((await owner.forward([[1, 2]])).logits).not.toEqual(logits);
});
