import type { Program, Tensor } from '@tessera/tensor-core';
import { add, fromHost, full, mul, scan, scatterSet, trace } from '@tessera/tensor-core';
import { beforeAll, expect, test } from 'vitest';
import { testDevice } from './testing/compare.test-support.ts';
import type { WebGpuDevice } from './runtime/webgpu-device.ts';

const n = 100;
const type = { shape: [n], dtype: 'f32' } as const;
let device: WebGpuDevice;
/** Ten times the input. */
let tenfold: Program;
/** Writes 7 over the first of its rows, in place when the input is donated. */
let setFirst: Program;

beforeAll(async () => {
  device = await testDevice();
  tenfold = await device.compile(trace((x) => [mul(x!, 10)], [type]));
  const rows = { shape: [n, 1], dtype: 'f32' } as const;
  setFirst = await device.compile(
    trace((x) => [scatterSet(x!, fromHost(Int32Array.of(0), [1]), full([1, 1], 7))], [rows]),
    { donate: [0] },
  );
});

const filled = (value: number, shape: readonly number[] = [n]): Tensor =>
  device.upload(new Float32Array(n).fill(value), { shape, dtype: 'f32' });
const first = async (tensor: Tensor): Promise<number> => (await device.read(tensor))[0]!;
const submitsOf = async (work: () => unknown): Promise<number> => {
  const before = device.counters.submits;
  await work();
  return device.counters.submits - before;
};

test('runs of one turn are one submit, at the end of the turn or by the first read', async () => {
  const x = filled(1);
  let made: readonly Tensor[] = [];
  const chain = (): void => {
    made = [tenfold.run([x])[0]!];
    made = [...made, tenfold.run([made[0]!])[0]!];
  };
  expect(
    await submitsOf(async () => {
      chain();
      expect(await first(made[1]!)).toBe(100);
    }),
  ).toBe(1);
  for (const tensor of made) tensor.dispose();
  expect(
    await submitsOf(async () => {
      chain();
      await Promise.resolve();
    }),
  ).toBe(1);
  expect(await first(made[1]!)).toBe(100);
  for (const tensor of [x, ...made]) tensor.dispose();
});

test('what is uploaded or written after a run in the same turn is not seen by it', async () => {
  const x = filled(1);
  const [a] = tenfold.run([x]) as [Tensor];
  x.dispose();
  // The buffer of x is free, but the run that reads it has not been submitted.
  const uploads = Array.from({ length: 4 }, () => filled(5));
  expect(await first(a)).toBe(10);
  const [b] = tenfold.run([uploads[0]!]) as [Tensor];
  device.write(uploads[0]!, new Float32Array(n).fill(9));
  expect(await first(b)).toBe(50);
  expect(await first(uploads[0]!)).toBe(9);
  for (const tensor of [a, b, ...uploads]) tensor.dispose();
});

test('a donated tensor that somebody else holds does not change for him', async () => {
  const x = filled(1, [n, 1]);
  const program = await device.compile(trace(() => [add(x, 0)], []));
  const [y] = setFirst.run([x]) as [Tensor];
  const [kept] = program.run([]) as [Tensor];
  expect([await first(y), await first(kept)]).toEqual([7, 1]);
  for (const tensor of [y, kept]) tensor.dispose();
  program.dispose();

  const twice = await device.compile(
    trace(
      (a, b) => [scatterSet(a!, fromHost(Int32Array.of(0), [1]), full([1, 1], 7)), add(b!, 0)],
      [
        { shape: [n, 1], dtype: 'f32' },
        { shape: [n, 1], dtype: 'f32' },
      ],
    ),
    { donate: [0] },
  );
  const shared = filled(2, [n, 1]);
  const outputs = twice.run([shared, shared]);
  expect(await Promise.all(outputs.map(first))).toEqual([7, 2]);
  for (const tensor of outputs) tensor.dispose();
  twice.dispose();
});

test('what a run was given may be disposed before it is submitted', async () => {
  const x = filled(3);
  const program = await device.compile(trace((a) => [mul(add(a!, 1), 2)], [type]));
  const [y] = program.run([x]) as [Tensor];
  x.dispose();
  program.dispose();
  const [z] = tenfold.run([y]) as [Tensor];
  y.dispose();
  expect(await first(z)).toBe(80);
  z.dispose();
});

test('an input that is still on the host leaves nothing behind, donated or not', async () => {
  const once = async (): Promise<void> => {
    for (const program of [tenfold, setFirst]) {
      const [y] = program.run([fromHost(new Float32Array(n), program === tenfold ? [n] : [n, 1])]) as [Tensor];
      await first(y);
      y.dispose();
    }
  };
  for (let i = 0; i < 3; i++) await once();
  const { buffers } = device.counters;
  for (let i = 0; i < 10; i++) await once();
  expect(device.counters.buffers).toBe(buffers);
});

test('steps that run ahead of any read make nothing new either', async () => {
  const step = await device.compile(trace((token, state) => [add(token!, 1), mul(state!, 0.5), add(state!, token!)], [type, type]), { donate: [1] }); // prettier-ignore
  let [token, state] = [filled(0), filled(1)];
  const ahead = async (): Promise<void> => {
    for (let i = 0; i < 8; i++) {
      const [next, unused, after] = step.run([token, state]) as [Tensor, Tensor, Tensor];
      for (const tensor of [token, unused]) tensor.dispose();
      [token, state] = [next, after];
    }
    await device.read(token);
  };
  for (let i = 0; i < 4; i++) await ahead();
  const before = { ...device.counters };
  for (let i = 0; i < 4; i++) await ahead();
  const { buffers, stagingBuffers, bindGroups } = before;
  expect(device.counters).toMatchObject({ buffers, stagingBuffers, bindGroups, submits: before.submits + 4 });
  expect(await first(token)).toBe(64);
  for (const tensor of [token, state]) tensor.dispose();
  step.dispose();
});

test('thousands of dispatches go in several submits', async () => {
  const length = 5000;
  const program = await device.compile(
    trace(
      (x) => {
        const { carry } = scan({ carry: x!, sequences: {}, length, step: (s) => ({ carry: add(s, 1), output: {} }) });
        return [carry];
      },
      [type],
    ),
  );
  const x = filled(1);
  let value = 0;
  const submits = await submitsOf(async () => {
    const [y] = program.run([x]) as [Tensor];
    value = await first(y);
    y.dispose();
  });
  expect(value).toBe(1 + length);
  expect(submits).toBe(Math.ceil(program.dispatches / 8192));
  expect(submits).toBeGreaterThan(1);
  x.dispose();
  program.dispose();
});
