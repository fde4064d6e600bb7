import type { Op } from '@tessera/tensor-core';
import { apply1, fromHost } from '@tessera/tensor-core';
import type { KernelCase } from '../kernel-case.ts';
import { somePlaces } from '../kernel-case.ts';

const lanes = 256;
/** Vectors in a workgroup: 16 KiB, which every device has. */
const vectors = 1024;
/** Reads of every invocation in one turn of the loop. */
const unrolled = 8;
/** Distance of these reads: no two of a turn may read the same, or a compiler keeps what it has read. */
const distance = 33;
const further = 7;

const place = (turn: number, read: number): number => turn * further + read * distance;

/** Op: sums of what an invocation reads of its workgroup's memory. Neighbours read neighbours, the order that has no conflicts. */
const readsOp: Op<{ readonly workgroups: number }> = {
  id: '@tessera/lab:workgroup-memory',
  infer: (_, { workgroups }) => [{ shape: [workgroups * lanes], dtype: 'f32' }],
  kernels: [
    {
      backend: 'webgpu',
      name: 'vectors of sixteen bytes',
      source: () => `
@group(0) @binding(0) var<storage, read> turns: array<u32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
var<workgroup> tile: array<vec4f, ${vectors}>;
@compute @workgroup_size(${lanes})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  for (var i = lane; i < ${vectors}u; i += ${lanes}u) { tile[i] = vec4f(f32(i % 8u)); }
  workgroupBarrier();
  var total = vec4f(0.0);
  var at = lane;
  for (var i = 0u; i < turns[0]; i++) {
    ${Array.from({ length: unrolled }, (_, i) => `total += tile[(at + ${place(0, i)}u) % ${vectors}u];`).join('\n    ')}
    at += ${further}u;
  }
  y[group.x * ${lanes}u + lane] = dot(total, vec4f(1.0));
}`,
      grid: ({ attributes: { workgroups } }) => [workgroups, 1, 1],
    },
  ],
};

/** Bandwidth of workgroup memory. Bytes are those read of it. */
export function workgroupMemoryCase(workgroups: number, turns: number): KernelCase {
  const size = workgroups * lanes;
  return {
    group: 'roofs',
    shape: 'workgroup memory, 16-byte reads',
    dtype: 'f32',
    inputs: [],
    build: () => apply1(readsOp, [fromHost(Uint32Array.of(turns), [1])], { workgroups }),
    units: 1,
    work: { bytes: 16 * size * turns * unrolled, flops: 4 * size * turns * unrolled },
    check: () =>
      somePlaces(size, 64).map((index) => {
        let value = 0;
        for (let turn = 0; turn < turns; turn++)
          for (let read = 0; read < unrolled; read++)
            value += 4 * ((((index % lanes) + place(turn, read)) % vectors) % 8);
        return { index, value };
      }),
    tolerance: 1e-6,
  };
}
