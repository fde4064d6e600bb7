import type { WebGpuDispatchKernel } from '@tessera/tensor-core';
import { sizeOf } from '@tessera/tensor-core';
import type { GroupAttributes } from './group-by-expert.ts';
import { mostPerAxis } from './folded-grid.wgsl.ts';

const lanes = 128;

/**
 * A workgroup an expert: it counts the rows of lower experts and places its own, each lane those of a piece of all rows. No atomics,
 * so that rows stay in order.
 */
export const groupByExpertKernel: WebGpuDispatchKernel<GroupAttributes> = {
  backend: 'webgpu',
  name: 'a workgroup an expert',
  when: (_, { inputs, attributes }) => sizeOf(inputs[0]!.shape) > 0 && attributes.experts <= mostPerAxis,
  grid: ({ attributes }) => [attributes.experts, 1, 1],
  source({ inputs, attributes: { experts: E } }) {
    const P = sizeOf(inputs[0]!.shape);
    const piece = Math.ceil(P / lanes);
    return `@group(0) @binding(0) var<storage, read> experts: array<i32>;
@group(0) @binding(1) var<storage, read_write> order: array<i32>;
@group(0) @binding(2) var<storage, read_write> places: array<i32>;
@group(0) @binding(3) var<storage, read_write> offsets: array<i32>;
var<workgroup> lower: array<u32, ${lanes}>;
var<workgroup> own: array<u32, ${lanes}>;
@compute @workgroup_size(${lanes})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let e = i32(group.x);
  let start = min(lane * ${piece}u, ${P}u);
  let stop = min(start + ${piece}u, ${P}u);
  var less = 0u;
  var equal = 0u;
  for (var p = start; p < stop; p++) {
    less += select(0u, 1u, experts[p] < e);
    equal += select(0u, 1u, experts[p] == e);
  }
  lower[lane] = less;
  own[lane] = equal;
  workgroupBarrier();
  var first = 0u;
  var at = 0u;
  for (var l = 0u; l < ${lanes}u; l++) {
    first += lower[l];
    at += select(0u, own[l], l < lane);
  }
  at += first;
  if (lane == 0u) { offsets[group.x] = i32(first); }
  if (lane == ${lanes - 1}u && group.x == ${E - 1}u) { offsets[${E}u] = i32(at + equal); }
  for (var p = start; p < stop; p++) {
    if (experts[p] == e) {
      order[at] = i32(p);
      places[p] = i32(at);
      at++;
    }
  }
}`;
  },
};
