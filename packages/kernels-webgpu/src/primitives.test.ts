import * as t from '@tessera/tensor-core';
import { expect, test } from 'vitest';
import { expectSame, testDevice } from './testing/compare.test-support.ts';
import { gated, pairOfProducts, primitiveCases } from './testing/primitive-cases.test-support.ts';

test.each(primitiveCases.map((one) => [one.name, one] as const))('%s', (_, { build, inputs, tolerance }) =>
  expectSame(build, inputs, tolerance),
);

test('bias, gates and independent products take no dispatch of their own', async () => {
  const device = await testDevice();
  const types = (...shapes: number[][]): t.TensorType[] => shapes.map((shape) => ({ shape, dtype: 'f32' }));
  const biased = t.trace((x, w, b) => [t.add(t.matmul(x!, w!), b!)], types([3, 16], [16, 8], [8]));
  expect(await device.compile(biased)).toMatchObject({ dispatches: 1 });
  const weights: t.TensorType = { shape: [8, 16], dtype: 'f16' };
  const gate = t.trace((x, a, b) => [gated(x!, a!, b!)], [...types([1, 16]), weights, weights]);
  expect(await device.compile(gate)).toMatchObject({ dispatches: 1 });
  const pair = t.trace((x, a, b) => pairOfProducts(x!, a!, b!), types([3, 20], [20, 5], [20, 9]));
  expect(await device.compile(pair)).toMatchObject({ dispatches: 2 });
});

test('a donated state is written in place or alternates: after warm-up a step is one submit and makes nothing new', async () => {
  const device = await testDevice();
  const types: t.TensorType[] = [
    { shape: [64, 4], dtype: 'f32' },
    { shape: [1], dtype: 'i32' },
    { shape: [8], dtype: 'f32' },
  ];
  const program = await device.compile(
    t.trace(
      (cache, at, state) => [t.scatterSet(cache!, at!, t.full([1, 4], 3)), t.add(at!, 1), t.mul(state!, 2)],
      types,
    ),
    { donate: [0, 1, 2] },
  );
  let state = [
    device.upload(new Float32Array(256), types[0]!),
    device.upload(Int32Array.of(0), types[1]!),
    device.upload(new Float32Array(8).fill(1), types[2]!),
  ];
  const turn = async (): Promise<void> => {
    state = [...program.run(state)];
    await device.read(state[1]!);
  };
  for (let i = 0; i < 4; i++) await turn();
  const before = { ...device.counters };
  const bytes = device.allocatedBytes;
  for (let i = 0; i < 20; i++) await turn();
  expect(device.counters).toMatchObject({
    buffers: before.buffers,
    stagingBuffers: before.stagingBuffers,
    bindGroups: before.bindGroups,
    pipelines: before.pipelines,
    submits: before.submits + 20,
    reads: before.reads + 20,
    dispatches: before.dispatches + 20 * program.dispatches,
  });
  expect(device.allocatedBytes).toBe(bytes);
  const cache = await device.read(state[0]!);
  expect([...cache].filter((value) => value === 3)).toHaveLength(24 * 4);
  expect([...(await device.read(state[1]!))]).toEqual([24]);
  expect((await device.read(state[2]!))[0]).toBe(2 ** 24);
  for (const leaf of state) leaf.dispose();
  program.dispose();
});

test('an uploaded value of every element type comes back', async () => {
  const device = await testDevice();
  for (const value of [
    t.tensor([1.5, -2, 3]),
    t.tensor([-1, 2, 3], { dtype: 'i32' }),
    t.tensor([1, 0, 1], { dtype: 'bool' }),
    t.tensor([1, 2, -3], { dtype: 'f16' }),
    t.tensor([1, 2, -3], { dtype: 'bf16' }),
  ]) {
    const data = await t.read(value);
    const resident = device.upload(data, value);
    expect([...(await device.read(resident))]).toEqual([...data]);
    resident.dispose();
  }
});

test('a program holds its constants as long as it lives, and gives them back', async () => {
  const device = await testDevice();
  const graph = t.trace(
    (x) => [t.add(x!, t.fromHost(new Float32Array(100).fill(2), [100]))],
    [{ shape: [100], dtype: 'f32' }],
  );
  const once = async (): Promise<void> => {
    const program = await device.compile(graph);
    const [output] = program.run([t.fromHost(new Float32Array(100), [100])]);
    expect((await device.read(output!))[99]).toBe(2);
    output!.dispose();
    program.dispose();
  };
  for (let i = 0; i < 3; i++) await once();
  const before = device.counters.buffers;
  for (let i = 0; i < 10; i++) await once();
  expect(device.counters.buffers).toBe(before);

  const weight = device.upload(new Float32Array(100).fill(5), { shape: [100], dtype: 'f32' });
  const program = await device.compile(t.trace((x) => [t.add(x!, weight)], [{ shape: [100], dtype: 'f32' }]));
  weight.dispose();
  // What is uploaded next must not take the memory that the program still reads.
  const other = device.upload(new Float32Array(100).fill(9), { shape: [100], dtype: 'f32' });
  const [sum] = program.run([t.fromHost(new Float32Array(100), [100])]);
  expect((await device.read(sum!))[0]).toBe(5);
  for (const tensor of [sum!, other]) tensor.dispose();
  program.dispose();
});
