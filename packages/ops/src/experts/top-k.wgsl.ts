import type { KernelCall, WebGpuDispatchKernel } from '@tessera/tensor-core';
import { sizeOf } from '@tessera/tensor-core';
import { foldedGrid, mostPerAxis } from './folded-grid.wgsl.ts';
import type { TopKAttributes } from './top-k.ts';

const lanes = 64;

function sizes({ inputs }: KernelCall<TopKAttributes>): { rows: number; N: number } {
  const { shape } = inputs[0]!;
  const N = shape.at(-1)!;
  return { rows: sizeOf(shape) / N, N };
}

/** A workgroup a row: k times the best of what comes after the one chosen last. Nothing has to be marked as taken. */
export const topKKernel: WebGpuDispatchKernel<TopKAttributes> = {
  backend: 'webgpu',
  name: 'a workgroup a row',
  when: (_, call) => sizeOf(call.inputs[0]!.shape) > 0 && sizes(call).rows <= mostPerAxis ** 2,
  grid: (call) => foldedGrid(sizes(call).rows),
  source(call) {
    const { rows, N } = sizes(call);
    const { k } = call.attributes;
    return `@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> chosen: array<i32>;
var<workgroup> value: array<f32, ${lanes}>;
var<workgroup> place: array<u32, ${lanes}>;
// Whether a comes before b: the larger, of equal ones the lower index. An index of ${N} is none.
fn before(a: f32, i: u32, b: f32, j: u32) -> bool { return i < ${N}u && (j >= ${N}u || a > b || (a == b && i < j)); }
@compute @workgroup_size(${lanes})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group.y * ${mostPerAxis}u + group.x;
  if (row >= ${rows}u) { return; }
  var last = 0.0;
  var lastPlace = ${N}u;
  for (var turn = 0u; turn < ${k}u; turn++) {
    var best = 0.0;
    var at = ${N}u;
    for (var i = lane; i < ${N}u; i += ${lanes}u) {
      let v = x[row * ${N}u + i];
      if ((turn == 0u || before(last, lastPlace, v, i)) && before(v, i, best, at)) { best = v; at = i; }
    }
    value[lane] = best;
    place[lane] = at;
    workgroupBarrier();
    for (var half = ${lanes / 2}u; half > 0u; half = half / 2u) {
      if (lane < half && before(value[lane + half], place[lane + half], value[lane], place[lane])) {
        value[lane] = value[lane + half];
        place[lane] = place[lane + half];
      }
      workgroupBarrier();
    }
    last = value[0];
    lastPlace = place[0];
    if (lane == 0u) { chosen[row * ${k}u + turn] = i32(lastPlace); }
    workgroupBarrier();
  }
}`;
  },
};
