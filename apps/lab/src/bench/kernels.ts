import { attention, linear } from '@tessera/ops';
import type { WebGpuDevice } from '@tessera/kernels-webgpu';
import type { Tensor, TensorType } from '@tessera/tensor-core';
import { CpuDevice, add, fromHost, matmul, packHalf, slice, sizeOf, trace } from '@tessera/tensor-core';
import { timeProgram } from './measure.ts';
import type { Measurement } from './measure.ts';

/** Random numbers that need no time: a short sequence again and again. */
export function filler(type: TensorType, seed: number, scale = 1): Float32Array | Uint16Array {
  const size = sizeOf(type.shape);
  const period = Math.min(size, 65_521);
  let state = seed + 1;
  const draws = Float32Array.from({ length: period }, () => {
    state = (state * 48_271) % 2_147_483_647;
    return scale * (state / 1_073_741_824 - 1);
  });
  const unit = type.dtype === 'f32' ? draws : packHalf(type.dtype as 'f16' | 'bf16', draws);
  const data = type.dtype === 'f32' ? new Float32Array(size) : new Uint16Array(size);
  for (let at = 0; at < size; at += period) data.set(unit.subarray(0, Math.min(period, size - at)), at);
  return data;
}

interface Case {
  readonly name: string;
  readonly types: readonly TensorType[];
  readonly build: (...inputs: Tensor[]) => readonly Tensor[];
  /** Rows of the first input that are checked against the CPU in float64; undefined: no check by rows. */
  readonly check?: number;
  readonly work: { readonly amount: number; readonly unit: string };
  readonly runs?: number;
}

const f32 = (...shape: number[]): TensorType => ({ shape, dtype: 'f32' });
/** Several matrices in one run: more than the cache holds, and one submit for all of them. */
const gemv = (K: number, N: number, dtype: 'f32' | 'f16' | 'bf16'): Case => {
  const bytes = N * K * (dtype === 'f32' ? 4 : 2);
  const matrices = Math.max(2, Math.min(32, Math.ceil(5e8 / bytes)));
  return {
    name: `GEMV ${K}×${N} ${dtype}, ${matrices} matrices`,
    types: [f32(1, K), ...Array.from({ length: matrices }, (): TensorType => ({ shape: [N, K], dtype }))],
    build: (x, ...w) => w.map((weight) => linear(x!, weight)),
    check: 1,
    work: { amount: (matrices * bytes) / 1e9, unit: 'GB/s' },
  };
};
const square = (n: number): Case => ({
  name: `matmul ${n}³ f32`,
  types: [f32(n, n), f32(n, n)],
  build: (a, b) => [matmul(a!, b!)],
  check: 2,
  work: { amount: (2 * n ** 3) / 1e12, unit: 'TFLOP/s' },
  runs: n >= 4096 ? 5 : 20,
});

const cases: readonly Case[] = [
  {
    name: 'copy 256 MiB f32',
    types: [f32(2 ** 26)],
    build: (x) => [add(x!, 1)],
    work: { amount: (2 * 2 ** 28) / 1e9, unit: 'GB/s' },
  },
  square(512),
  square(1024),
  square(4096),
  {
    name: 'x W: 2048 × 2048 → 5632 f16',
    types: [f32(2048, 2048), { shape: [5632, 2048], dtype: 'f16' }],
    build: (x, w) => [linear(x!, w!)],
    check: 2,
    work: { amount: (2 * 2048 * 2048 * 5632) / 1e12, unit: 'TFLOP/s' },
  },
  gemv(2048, 2048, 'f16'),
  gemv(2048, 5632, 'f16'),
  gemv(5632, 2048, 'f16'),
  gemv(2048, 32_000, 'f16'),
  gemv(4096, 4096, 'f16'),
  gemv(8192, 28_672, 'f32'),
  gemv(8192, 28_672, 'f16'),
  gemv(8192, 28_672, 'bf16'),
];

/** Kernels one by one, each checked in the same run. */
export async function benchKernels(device: WebGpuDevice, report: (row: Measurement) => void): Promise<void> {
  for (const one of cases) {
    const data = one.types.map((type, index) => filler(type, index));
    const inputs = one.types.map((type, index) => device.upload(data[index]!, type));
    const program = await device.compile(trace((...x) => one.build(...x), one.types));
    const results = program.run(inputs);
    const error = one.check === undefined ? 0 : await rowsError(device, one, data, results[0]!);
    for (const result of results) result.dispose();
    const { median, low, high } = await timeProgram(device, program, inputs, { runs: one.runs ?? 20 });
    report({
      name: one.name,
      ms: median,
      spread: [low, high],
      dispatches: dispatchesOf(program),
      rate: (one.work.amount / median) * 1000,
      unit: one.work.unit,
      error,
    });
    program.dispose();
    for (const input of inputs) input.dispose();
  }
  await benchAttention(device, report);
}

/** The first rows of the result against the CPU in float64. */
async function rowsError(
  device: WebGpuDevice,
  one: Case,
  data: readonly (Float32Array | Uint16Array)[],
  result: Tensor,
): Promise<number> {
  const rows = one.check!;
  const width = one.types[0]!.shape.at(-1)!;
  const first = fromHost((data[0] as Float32Array).slice(0, rows * width), [rows, width]);
  const others = data
    .slice(1)
    .map((values, index) => fromHost(values, one.types[index + 1]!.shape, one.types[index + 1]!.dtype));
  const cpu = new CpuDevice({ precision: 'f64' });
  const expected = await cpu.read((await cpu.compile(trace(() => [one.build(first, ...others)[0]!], []))).run([])[0]!);
  const actual = await device.read(result);
  let worst = 0;
  let largest = 0;
  expected.forEach((value, index) => {
    worst = Math.max(worst, Math.abs(value - actual[index]!));
    largest = Math.max(largest, Math.abs(value));
  });
  return worst / largest;
}

async function benchAttention(device: WebGpuDevice, report: (row: Measurement) => void): Promise<void> {
  for (const [n, S] of [
    [1, 512],
    [1, 8192],
    [2048, 2048],
  ] as const) {
    const [H, G, K] = [32, 4, 64];
    const types: TensorType[] = [f32(1, n, H, K), f32(1, S, G, K), f32(1, S, G, K)];
    const queryPositions = fromHost(
      Int32Array.from({ length: n }, (_, i) => S - n + i),
      [1, n],
    );
    const keyPositions = fromHost(
      Int32Array.from({ length: S }, (_, i) => i),
      [1, S],
    );
    const build = (q: Tensor, k: Tensor, v: Tensor): Tensor => attention({ q, k, v, queryPositions, keyPositions });
    const data = types.map((type, index) => filler(type, index));
    const inputs = types.map((type, index) => device.upload(data[index]!, type));
    const program = await device.compile(trace((q, k, v) => [build(q!, k!, v!)], types));
    const [result] = program.run(inputs);
    const cpu = new CpuDevice();
    const head = (x: Tensor): Tensor => slice(x, 1, 0, 1);
    const all = data.map((values, index) => fromHost(values, types[index]!.shape));
    const expected = await cpu.read(
      (
        await cpu.compile(
          trace(
            () => [
              attention({
                q: head(all[0]!),
                k: all[1]!,
                v: all[2]!,
                queryPositions: head(queryPositions),
                keyPositions,
              }),
            ],
            [],
          ),
        )
      ).run([])[0]!,
    );
    const actual = await device.read(result!);
    const error =
      Math.max(...expected.map((value, index) => Math.abs(value - actual[index]!))) /
      Math.max(...expected.map(Math.abs));
    result!.dispose();
    const { median, low, high } = await timeProgram(device, program, inputs, { runs: 30 });
    const pairs = n === 1 ? S : (n * (n + 1)) / 2;
    report({
      name: `attention ${n} × ${S}, 32/4 heads of 64`,
      ms: median,
      spread: [low, high],
      dispatches: dispatchesOf(program),
      rate: n === 1 ? ((2 * S * G * K * 4) / 1e9 / median) * 1000 : ((4 * pairs * H * K) / 1e12 / median) * 1000,
      unit: n === 1 ? 'GB/s' : 'TFLOP/s',
      error,
    });
    program.dispose();
    for (const input of inputs) input.dispose();
  }
}

/** Dispatches of one run. */
export function dispatchesOf(program: object): number {
  return (program as { readonly dispatches?: number }).dispatches ?? 0;
}
