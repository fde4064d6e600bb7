import type { WebGpuKernel } from '@tessera/tensor-core';
import { mostRows, peakCode, rowsOf, threadsFor } from './peak.wgsl.ts';

/** A greedy choice: a workgroup a row, one pass over the values. */
export const greedyKernel: WebGpuKernel<Record<never, never>> = {
  backend: 'webgpu',
  name: 'a workgroup a row',
  when: (_, call) => rowsOf(call).B > 0 && rowsOf(call).B <= mostRows,
  grid: (call) => [rowsOf(call).B, 1, 1],
  source(call, capabilities) {
    const { V } = rowsOf(call);
    const threads = threadsFor(V, capabilities);
    return `@group(0) @binding(0) var<storage, read> values: array<u32>;
@group(0) @binding(1) var<storage, read> logits: array<u32>;
@group(0) @binding(2) var<storage, read> last: array<u32>;
@group(0) @binding(3) var<storage, read_write> next: array<u32>;
${peakCode(V, threads)}
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group.x;
  let top = peak_of(row * ${V}u, lane);
  if (lane == 0u) {
    next[3u * row] = top.id;
    next[3u * row + 1u] = top.found;
    next[3u * row + 2u] = last[3u * row + 2u] + 1u;
  }
}`;
  },
};
