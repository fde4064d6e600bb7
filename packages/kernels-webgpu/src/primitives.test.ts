import * as t from '@tessera/tensor-core';
import { expect, test } from 'vitest';
import { draws, expectSame, testDevice } from './testing/compare.test-support.ts';

const i32 = (values: t.NestedNumbers): t.Tensor => t.tensor(values, { dtype: 'i32' });

test('elementwise expressions, with broadcasting both ways', async () => {
  await expectSame(
    (a, b) => [t.add(t.mul(t.exp(a!), b!), 1), t.where(t.greater(a!, 0), a!, t.neg(b!)), t.greater(a!, b!)],
    [draws([3, 65]), draws([65], 2)],
  );
});

test('functions of one number', async () => {
  const functions = [t.erf, t.sigmoid, t.sign, t.sqrt, t.log, t.floor, t.ceil, t.round, t.abs].map(
    (f) => (x: t.Tensor) => f(t.add(t.mul(x, 3), 3.5)),
  );
  await expectSame(
    (a) => [
      ...functions.map((f) => f(a!)),
      t.tanh(t.mul(a!, 40)),
      t.sigmoid(t.mul(a!, 80)),
      t.pow(t.abs(a!), 1.5),
      t.rsqrt(t.add(t.abs(a!), 0.1)),
    ],
    [draws([130])],
  );
});

test('integers wrap, divide towards zero and shift with their sign', async () => {
  await expectSame(
    (a, b) => [
      t.rem(a!, b!),
      t.div(a!, b!),
      t.shiftRight(a!, 2),
      t.shiftLeft(a!, 3),
      t.and(a!, 7),
      t.xor(a!, b!),
      t.cast(a!, 'f32'),
      t.maximum(a!, b!),
      t.mul(a!, 1_000_003),
    ],
    [i32([-7, 8, 9, -100]), i32([2, 3, -4, 7])],
  );
});

test('views of views', async () => {
  await expectSame(
    (a) => [
      t.reshape(t.permute(a!, [2, 0, 1]), [15, 4]),
      t.flip(a!, 1),
      t.slice(a!, 2, 1, 3),
      t.pad(a!, 1, 2, 1, 7),
      t.concat([a!, t.mul(a!, 2), t.slice(a!, 0, 1, 2)], 0),
      t.broadcastTo(t.slice(a!, 1, 0, 1), [4, 3, 5]),
      t.iota([3, 4], 1),
    ],
    [draws([4, 3, 5])],
  );
});

test.each([1, 63, 65, 300])('reductions over %i elements', async (n) => {
  await expectSame(
    (a) => [
      t.sum(a!, { axis: 1 }),
      t.max(a!, { axis: [0, 2] }),
      t.min(a!, { axis: 1 }),
      t.argmax(a!, { axis: 1 }),
      t.argmin(a!, { axis: 1 }),
      t.mean(a!),
      t.sum(t.square(a!), { axis: -1, keepDims: true }),
    ],
    [draws([4, n, 3])],
  );
});

test.each([
  [1, 64, 65],
  [3, 63, 1],
  [65, 63, 65],
])('products of %i × %i by %i, both ways round and over 16 bits', async (M, K, N) => {
  await expectSame(
    (a, b, c) => [
      t.matmul(a!, t.transpose(b!)),
      t.matmul(a!, c!),
      t.matmul(a!, t.transpose(t.cast(b!, 'bf16'))),
      t.matmul(a!, t.cast(c!, 'f16')),
    ],
    [draws([M, K]), draws([N, K], 2), draws([K, N], 3)],
  );
});

test('batches of products of permuted operands', async () => {
  await expectSame(
    (a, b) => [t.matmul(t.permute(a!, [1, 0, 2]), b!), t.matmul(t.permute(a!, [1, 0, 2]), t.slice(b!, 0, 1, 2))],
    [draws([7, 3, 9]), draws([3, 9, 5], 2)],
  );
});

test('a product ends in the expression that reads it', async () => {
  await expectSame(
    (x, w, b, r) => [t.add(t.mul(t.sigmoid(t.add(t.matmul(x!, t.transpose(w!)), b!)), 2), r!)],
    [draws([2, 3, 64]), draws([65, 64], 2), draws([65], 3), draws([2, 3, 65], 4)],
  );
  const device = await testDevice();
  const graph = t.trace(
    (x, w, b) => [t.add(t.matmul(x!, w!), b!)],
    [
      { shape: [3, 16], dtype: 'f32' },
      { shape: [16, 8], dtype: 'f32' },
      { shape: [8], dtype: 'f32' },
    ],
  );
  expect(await device.compile(graph)).toMatchObject({ dispatches: 1 });
});

test('a gate and what it gates are products of one dispatch', async () => {
  const gated = (x: t.Tensor, gate: t.Tensor, up: t.Tensor): t.Tensor => {
    const g = t.matmul(x, t.transpose(gate));
    return t.mul(t.mul(g, t.sigmoid(g)), t.matmul(x, t.transpose(up)));
  };
  for (const [M, K, N] of [
    [1, 64, 65],
    [2, 63, 5],
    [7, 20, 70],
  ] as const)
    await expectSame((x, a, b) => [gated(x!, a!, b!)], [draws([M, K]), draws([N, K], 2), draws([N, K], 3)]);
  const types: t.TensorType[] = [
    { shape: [1, 16], dtype: 'f32' },
    { shape: [8, 16], dtype: 'f16' },
    { shape: [8, 16], dtype: 'f16' },
  ];
  const device = await testDevice();
  const graph = t.trace((x, a, b) => [gated(x!, a!, b!)], types);
  expect(await device.compile(graph)).toMatchObject({ dispatches: 1 });
});

test('independent dispatches run side by side as one, dependent ones after each other', async () => {
  const build = (x: t.Tensor, a: t.Tensor, b: t.Tensor): t.Tensor[] => {
    const q = t.matmul(x, a);
    const k = t.matmul(x, b);
    return [q, k, t.matmul(t.transpose(q), k)];
  };
  await expectSame((x, a, b) => build(x!, a!, b!), [draws([3, 20]), draws([20, 5], 2), draws([20, 9], 3)]);
  const device = await testDevice();
  const types: t.TensorType[] = [
    [3, 20],
    [20, 5],
    [20, 9],
  ].map((shape) => ({ shape, dtype: 'f32' }));
  expect(await device.compile(t.trace((x, a, b) => build(x!, a!, b!), types))).toMatchObject({ dispatches: 2 });
});

test('large maps go by sixteen bytes, over every element type', async () => {
  const size = 2 ** 14 + 4;
  const halves = (dtype: t.DType, seed: number): t.Tensor => t.cast(draws([size], seed), dtype);
  await expectSame(
    (a, b, s) => [
      t.add(t.mul(a!, b!), s!),
      t.reshape(t.where(t.greater(a!, 0), a!, 1), [4, size / 4]),
      t.greater(a!, b!),
      t.cast(t.mul(a!, 100), 'i32'),
      t.add(t.cast(t.cast(a!, 'f16'), 'f32'), t.cast(halves('bf16', 5), 'f32')),
    ],
    [draws([size]), draws([size], 2), draws([1], 3)],
  );
});

test.each([
  [5, 16, 64],
  [70, 20, 68],
  [64, 32, 128],
  [6, 7, 9],
])('tiles of %i × %i by %i, however the operands lie', async (M, K, N) => {
  await expectSame(
    (a, b, c) => [
      t.matmul(a!, t.transpose(b!)),
      t.matmul(t.transpose(c!), t.transpose(a!)),
      t.add(t.matmul(a!, c!), 1),
      t.matmul(a!, t.cast(t.transpose(b!), 'bf16')),
      t.matmul(a!, t.cast(c!, 'f16')),
    ],
    [draws([M, K]), draws([N, K], 2), draws([K, N], 3)],
  );
});

test('rows by number, in and out of range', async () => {
  const index = i32([0, 5, -1, 9]);
  await expectSame(
    (a, i) => [
      t.gather(a!, i!),
      t.scatterSet(a!, i!, t.full([4, 3], 5)),
      t.scatterAdd(a!, i!, t.mul(t.gather(a!, i!), 2)),
    ],
    [draws([6, 3]), index],
  );
  await expectSame((a, i, u) => [t.scatterSet(a!, i!, u!, { batchDims: 1 }), t.gather(a!, i!, { batchDims: 1 })], [draws([2, 6, 3]), i32([[0, 5], [1, -1]]), draws([2, 2, 3], 2)]); // prettier-ignore
});

test('running sums and sorting', async () => {
  await expectSame((a) => [t.cumsum(a!, 1), t.cumsum(a!, 0, { reverse: true, exclusive: true })], [draws([5, 33])]);
  await expectSame((a) => Object.values(t.sort(t.round(t.mul(a!, 4)), { descending: true })), [draws([3, 70])]);
});

test('random words and uniform numbers are those of the CPU, normal ones nearly', async () => {
  await expectSame(() => [t.randomBits(t.randomKey(9), [65]), t.randomUniform(t.randomKey(5), [77])], [], 0);
  await expectSame(() => [t.randomNormal(t.randomKey(5), [1000])], []);
});

test('loops: carries, outputs, captured values, in reverse and with a count that is data', async () => {
  await expectSame(
    (a, b) => {
      const { carry, outputs } = t.scan({
        carry: { s: t.zeros([4]) },
        sequences: { x: a! },
        step: ({ s }, { x }) => {
          const next = t.add(t.mul(s, 0.5), t.reshape(t.matmul(t.expandDims(x, 0), b!), [4]));
          return { carry: { s: next }, output: { y: t.sum(next) } };
        },
      });
      return [carry.s, outputs.y];
    },
    [draws([9, 4]), draws([4, 4], 2)],
  );
  await expectSame(
    (a, count) => {
      const { carry, outputs } = t.scan({
        carry: t.zeros([4]),
        sequences: a!,
        count: count!,
        reverse: true,
        step: (s, x) => {
          const next = t.add(t.mul(s, 0.5), x);
          return { carry: next, output: next };
        },
      });
      return [carry, outputs];
    },
    [draws([9, 4]), t.tensor(5, { dtype: 'i32' })],
  );
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
    i32([-1, 2, 3]),
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
