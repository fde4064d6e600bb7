import type { Attributes, Op, Tensor, TensorType } from '@tessera/tensor-core';
import { apply1, sizeOf } from '@tessera/tensor-core';
import { numbersOf } from '../filler.ts';
import type { KernelCase } from '../kernel-case.ts';
import { somePlaces } from '../kernel-case.ts';

const lanes = 256;
/** Vectors of four numbers that an invocation moves, one workgroup apart, so that neighbours read neighbours. */
const each = 4;
/** Numbers that a workgroup moves. */
const block = 4 * lanes * each;
const factor = 3;

/** Op of arrays that are moved and hardly computed with. `vector` is WGSL at index `at`. */
function streamOp(name: string, inputs: number, vector: string): Op {
  return {
    id: `@tessera/lab:${name}`,
    infer: ([x]) => [x!],
    kernels: [
      {
        backend: 'webgpu',
        name: 'four vectors an invocation',
        source: () => `
${Array.from({ length: inputs }, (_, i) => `@group(0) @binding(${i}) var<storage, read> x${i}: array<vec4f>;`).join('\n')}
@group(0) @binding(${inputs}) var<storage, read_write> y: array<vec4f>;
@compute @workgroup_size(${lanes})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let first = group.x * ${lanes * each}u + lane;
  ${Array.from({ length: each }, (_, i) => `{ let at = first + ${i * lanes}u; y[at] = ${vector}; }`).join('\n  ')}
}`,
        grid: ({ outputs: [y] }) => [sizeOf(y!.shape) / block, 1, 1],
      },
    ],
  };
}

/** Vectors that an invocation sums up. */
const summed = 64;

/** Op: sums of what an invocation reads, one number for 256. */
const readOp: Op = {
  id: '@tessera/lab:read',
  infer: ([x]) => [{ shape: [sizeOf(x!.shape) / (4 * summed)], dtype: 'f32' }],
  kernels: [
    {
      backend: 'webgpu',
      name: 'sixty-four vectors an invocation',
      source: () => `
@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(${lanes})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let first = group.x * ${lanes * summed}u + lane;
  var total = vec4f(0.0);
  for (var i = 0u; i < ${summed}u; i += 4u) {
    let at = first + i * ${lanes}u;
    total += (x[at] + x[at + ${lanes}u]) + (x[at + ${2 * lanes}u] + x[at + ${3 * lanes}u]);
  }
  y[group.x * ${lanes}u + lane] = dot(total, vec4f(1.0));
}`,
      grid: ({ inputs: [x] }) => [sizeOf(x!.shape) / (4 * lanes * summed), 1, 1],
    },
  ],
};

const ops = {
  copy: streamOp('copy', 1, 'x0[at]'),
  triad: streamOp('triad', 2, `x0[at] + ${factor}.0 * x1[at]`),
};

const none: Attributes = {};

function arraysOf(size: number, count: number): TensorType[] {
  return Array.from({ length: count }, () => ({ shape: [size], dtype: 'f32' }));
}

const mebibytes = (size: number): string => (size < 2 ** 18 ? `${size / 256} KiB` : `${size / 2 ** 18} MiB`);

/** y = x. */
function copyOf(size: number): KernelCase {
  return {
    group: 'roofs',
    shape: `copy, ${mebibytes(size)} each`,
    dtype: 'f32',
    inputs: arraysOf(size, 1),
    build: ([x]) => apply1(ops.copy, [x!], none),
    units: 1,
    work: { bytes: 8 * size, flops: 0 },
    check: ([x]) => somePlaces(size, 4096).map((index) => ({ index, value: x![index]! })),
    tolerance: 0,
  };
}

/** y = a + 3 b. */
function triadOf(size: number): KernelCase {
  return {
    group: 'roofs',
    shape: `triad, ${mebibytes(size)} each`,
    dtype: 'f32',
    inputs: arraysOf(size, 2),
    build: (inputs) => apply1(ops.triad, inputs, none),
    units: 1,
    work: { bytes: 12 * size, flops: 2 * size },
    check: ([a, b]) => somePlaces(size, 4096).map((index) => ({ index, value: a![index]! + factor * b![index]! })),
    tolerance: 1e-6,
  };
}

/** Reading alone. */
function readOf(size: number): KernelCase {
  return {
    group: 'roofs',
    shape: `read, ${mebibytes(size)}`,
    dtype: 'f32',
    inputs: arraysOf(size, 1),
    build: ([x]) => apply1(readOp, [x as Tensor], none),
    units: 1,
    work: { bytes: 4 * size + size / summed, flops: size },
    check: ([x]) =>
      somePlaces(size / (4 * summed), 64).map((index) => {
        const first = Math.floor(index / lanes) * lanes * summed + (index % lanes);
        let value = 0;
        for (let i = 0; i < summed; i++)
          for (const number of numbersOf(x!, { dtype: 'f32' }, 4 * (first + i * lanes), 4)) value += number;
        return { index, value };
      }),
    tolerance: 1e-5,
  };
}

/** Bandwidth of memory: copying, reading twice and writing, reading. Of arrays far larger than any cache. */
export function streamCases(size: number): KernelCase[] {
  return [copyOf(size), triadOf(size), readOf(size)];
}

/** Arrays must be whole multiples of this. */
export const streamBlock: number = 4 * lanes * summed;
