import type { WebGpuDispatchKernel } from '@tessera/tensor-core';
import { gpuLimit, sizeOf } from '@tessera/tensor-core';

const mostPerAxis = 65_535;

/** A workgroup a matrix, a lane a column: column c of A is solved row by row and lies in workgroup memory. */
export const unitLowerInverseKernel: WebGpuDispatchKernel<Record<never, never>> = {
  backend: 'webgpu',
  name: 'a lane a column',
  when(capabilities, { inputs: [L] }) {
    const C = L!.shape.at(-1)!;
    return (
      L!.dtype === 'f32' &&
      sizeOf(L!.shape) > 0 &&
      C <= 256 &&
      4 * C * C <= gpuLimit(capabilities, 'maxComputeWorkgroupStorageSize')
    );
  },
  grid({ inputs: [L] }) {
    const matrices = sizeOf(L!.shape.slice(0, -2));
    return [Math.min(matrices, mostPerAxis), Math.ceil(matrices / mostPerAxis), 1];
  },
  source({ inputs: [L] }) {
    const C = L!.shape.at(-1)!;
    const matrices = sizeOf(L!.shape.slice(0, -2));
    // Nobody reads the columns of others, so that no barrier is needed.
    return `@group(0) @binding(0) var<storage, read> L: array<f32>;
@group(0) @binding(1) var<storage, read_write> A: array<f32>;
var<workgroup> columns: array<f32, ${C * C}>;
@compute @workgroup_size(${C})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) c: u32) {
  let start = min(group.x + group.y * ${mostPerAxis}u, ${matrices - 1}u) * ${C * C}u;
  for (var r = 0u; r < ${C}u; r++) {
    var value = select(0.0, 1.0, r == c);
    for (var s = c; s < r; s++) { value -= L[start + r * ${C}u + s] * columns[s * ${C}u + c]; }
    columns[r * ${C}u + c] = value;
    A[start + r * ${C}u + c] = value;
  }
}`;
  },
};
