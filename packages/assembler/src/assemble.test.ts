import { gatedDeltaNet, shortConvolution } from '@tessera/attention-linear';
import { softmaxAttention } from '@tessera/attention-softmax';
import type { ModelSpec } from '@tessera/plugin';
import { CpuDevice } from '@tessera/tensor-core';
import { expect, test } from 'vitest';
import type { AssembleOptions } from './assemble.ts';
import { createAssembler } from './assembler.ts';
import type { ModelSpecInput } from './model-spec-input.ts';
import type { Model } from './model/model.ts';
import { assembler, hybridModel, hybridSpec, largestDifference, someIds } from './test-models.test-data.ts';

const input: ModelSpecInput = {
  vocabSize: 20,
  dModel: 8,
  maxPositions: 32,
  layers: [
    { mixer: gatedDeltaNet({ keyHeads: 2, keyDim: 4, valueDim: 4 }) },
    { mixer: softmaxAttention({ heads: 2, rotary: {} }) },
    { mixer: { ...shortConvolution({ kernel: 2 }), links: [] } },
  ],
};

async function weights(model: Model): Promise<Record<string, number[]>> {
  const entries = Object.entries(model.params).map(async ([path, tensor]) => {
    const values = Array.from(await model.device.read(tensor));
    return [path, values] as const;
  });
  return Object.fromEntries(await Promise.all(entries));
}

test('mixers given by value need no plugin, and the spec names them', async () => {
  await using model = await createAssembler({ plugins: [] }).assemble(input, { device: 'cpu' });
  expect(model.spec.layers.map(({ mixer }) => mixer)).toMatchObject([
    { type: '@tessera/attention-linear:gated-delta-net', config: { keyHeads: 2, keyDim: 4, valueDim: 4 } },
    { type: '@tessera/attention-softmax:softmax-attention', config: { heads: 2, rotary: {} } },
    { type: '@tessera/attention-linear:short-convolution', config: { kernel: 2 } },
  ]);
  await using named = await assembler.assemble(JSON.parse(JSON.stringify(model.spec)) as ModelSpec, { device: 'cpu' });
  const ids = [someIds(9, 20)];
  expect((await named.forward(ids)).logits).toEqual((await model.forward(ids)).logits);
});

test('mixers given by value are checked like others', async () => {
  const layers = [{}, { mixer: softmaxAttention({ heads: 0 }) }];
  await expect(assembler.assemble({ ...input, layers })).rejects.toThrow(
    'spec.layers.1.mixer.config.heads is 0, expected a whole number from 1.',
  );
  const mixer = { ...softmaxAttention({ heads: 2 }), colour: 'red' };
  await expect(assembler.assemble({ ...input, layers: [{ mixer }] })).rejects.toThrow(
    'spec.layers.0.mixer.colour is not known; known are type, config, links.',
  );
  await expect(assembler.assemble(undefined as never)).rejects.toThrow('spec is missing, expected a record.');
  await expect(assembler.assemble({ ...input, layers: [null as never] })).rejects.toThrow(
    'spec.layers.0 is null, expected a record.',
  );
});

test('weights depend on the seed and on the path of the tensor, on nothing else', async () => {
  await using one = await hybridModel(7);
  await using same = await hybridModel(7);
  await using other = await hybridModel(8);
  const [a, b, c] = [await weights(one), await weights(same), await weights(other)];
  expect(b).toEqual(a);
  expect(c['layers.0.mixer.q_proj']).not.toEqual(a['layers.0.mixer.q_proj']);
  expect(a['layers.0.feedForward.up_proj']).not.toEqual(a['layers.0.feedForward.gate_proj']);
  // Another number of layers draws the same for the layers that are left.
  await using shorter = await assembler.assemble({ ...hybridSpec, layers: hybridSpec.layers.slice(0, 2) }, { seed: 7 });
  for (const [path, values] of Object.entries(await weights(shorter))) expect(values).toEqual(a[path]);
});

test('seeds beyond 32 bits count, and a seed that is no whole number is refused', async () => {
  const of = async (seed: number): Promise<Record<string, number[]>> => {
    await using model = await assembler.assemble(input, { seed });
    return weights(model);
  };
  expect(await of(2 ** 40)).not.toEqual(await of(0));
  expect(await of(-1)).not.toEqual(await of(1));
  await expect(of(0.5)).rejects.toThrow('assemble: seed is 0.5, expected a whole number up to 2⁵³ − 1 in size.');
});

test('new weights have the deviation that they declare', async () => {
  await using model = await assembler.assemble({ ...input, vocabSize: 1000, dModel: 64, layers: [] });
  const { 'embedding.weight': embedding, 'head.weight': head } = await weights(model);
  const deviation = (values: number[]): number =>
    Math.sqrt(values.reduce((total, value) => total + value * value, 0) / values.length);
  expect(deviation(embedding!)).toBeCloseTo(1, 2);
  expect(deviation(head!)).toBeCloseTo(64 ** -0.5, 3);
});

test.each<[string, AssembleOptions, string]>([
  [
    'an option that does not exist',
    { sed: 1 } as AssembleOptions,
    "assemble: 'sed' is not an option that is honoured. Known are device, dtype, seed, memoryLimit, signal, cachePolicy, onWarning.",
  ],
  [
    'a device of another name',
    { device: 'gpu' as 'cpu' },
    "device is \"gpu\", expected 'auto', 'cpu', 'webgpu' or a device.",
  ],
  [
    'something that is no device',
    { device: {} as 'cpu' },
    "device is {}, expected 'auto', 'cpu', 'webgpu' or a device.",
  ],
  [
    'WebGPU without a backend',
    { device: 'webgpu' },
    "device is 'webgpu', and no WebGPU backend was handed to createAssembler({ backends }). Use 'cpu' or 'auto'.",
  ],
  [
    'a dtype of another name',
    { dtype: 'int8' as 'fp16' },
    "dtype is 'int8', expected one of 'auto', 'fp32', 'fp16', 'bf16'. Quantised weights are not honoured yet.",
  ],
  ['quantised weights', { dtype: 'q4' as 'fp16' }, "dtype is 'q4', expected one of"],
  ['a limit that is no number', { memoryLimit: Number.NaN }, 'memoryLimit is NaN, expected a number of bytes from 0.'],
])('%s is refused', async (_, options, message) => {
  await expect(assembler.assemble(input, options)).rejects.toThrow(message);
});

test('WebGPU without an adapter is refused, and `auto` takes the CPU then', async () => {
  const webgpu = createAssembler({ plugins: [], backends: { webgpu: () => Promise.resolve(undefined) } });
  await expect(webgpu.assemble(input, { device: 'webgpu' })).rejects.toThrow(
    "device is 'webgpu', and there is no WebGPU adapter here. Use 'cpu' or 'auto'.",
  );
  await using model = await webgpu.assemble(input);
  expect(model.device.kind).toBe('cpu');
});

test('a device that is handed in is used and not disposed of, one of a backend is', async () => {
  let disposed = 0;
  class Counted extends CpuDevice {
    override dispose(): void {
      disposed++;
      super.dispose();
    }
  }
  const device = new Counted();
  const model = await assembler.assemble(input, { device });
  expect(model.device).toBe(device);
  await model.dispose();
  await model.dispose();
  expect(disposed).toBe(0);
  expect(device.allocatedBytes).toBe(0);
  const backend = createAssembler({ plugins: [], backends: { webgpu: () => Promise.resolve(new Counted()) } });
  await (await backend.assemble(input)).dispose();
  expect(disposed).toBe(1);
});

test('the estimate is what is allocated: weights of each dtype, then a session', async () => {
  for (const dtype of ['fp32', 'fp16', 'bf16'] as const) {
    const device = new CpuDevice();
    await using model = await assembler.assemble(hybridSpec, { device, dtype });
    const { weightBytes, stateBytes, totalBytes, parameters } = model.memory;
    expect(device.allocatedBytes).toBe(weightBytes);
    using session = await model.session();
    expect(session.stateBytes).toBe(stateBytes);
    expect(device.allocatedBytes).toBe(totalBytes);
    await session.feed([someIds(150, 40)]);
    expect(device.allocatedBytes).toBe(totalBytes);
    expect(parameters).toBe(Object.values(model.params).reduce((total, { size }) => total + size, 0));
  }
});

test('a model of 16 bits computes what one of 32 bits computes, roughly', async () => {
  const ids = [someIds(20, 40)];
  await using full = await assembler.assemble(hybridSpec, { seed: 3 });
  const expected = (await full.forward(ids)).logits;
  await using half = await assembler.assemble(hybridSpec, { seed: 3, dtype: 'bf16' });
  const difference = largestDifference((await half.forward(ids)).logits, expected);
  expect(difference).toBeGreaterThan(0);
  expect(difference).toBeLessThan(0.1);
});

test('a model above the limit is refused with the numbers before anything is allocated', async () => {
  const device = new CpuDevice();
  const refused = assembler.assemble({ ...hybridSpec, vocabSize: 100_000 }, { device, memoryLimit: 2 ** 20 });
  await expect(refused).rejects.toMatchObject({ code: 'OUT_OF_MEMORY', facts: { limit: 2 ** 20, contextLength: 256 } });
  await expect(refused).rejects.toThrow(
    'The model needs 9.2 MiB (weights 9.2 MiB, state of 256 positions 0.0 MiB), the limit is 1.0 MiB. Choose a 16-bit dtype, a shorter contextLength, or a smaller model.',
  );
  expect(device.allocatedBytes).toBe(0);
});

test('an abort rejects with its reason and frees what was allocated', async () => {
  const device = new CpuDevice();
  const reason = new Error('no longer wanted');
  await expect(assembler.assemble(input, { device, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  const controller = new AbortController();
  const made = assembler.assemble(hybridSpec, { device, signal: controller.signal });
  const wait = setInterval(() => {
    if (device.allocatedBytes > 0) controller.abort(reason);
  }, 0);
  await expect(made).rejects.toBe(reason);
  clearInterval(wait);
  expect(device.allocatedBytes).toBe(0);
});

test('a disposed model refuses to work', async () => {
  const model = await assembler.assemble(input);
  const session = await model.session();
  await model.dispose();
  const message = 'The model was disposed. Load it again.';
  await expect(model.forward([[1]])).rejects.toThrow(message);
  await expect(model.generate([1])).rejects.toThrow(message);
  await expect(model.lossOf([[1, 2]])).rejects.toThrow(message);
  await expect(session.feed([[1]])).rejects.toThrow(message);
  session.dispose();
});
