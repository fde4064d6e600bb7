import type { KernelCall, WebGpuDispatchKernel } from '@tessera/tensor-core';
import { gpuLimit } from '@tessera/tensor-core';
import { readMatrix, tileColumns, tileLanes, tileMemory, tileProducts, tileRows } from './grouped-tiles.wgsl.ts';
import { bindNumbers } from './weights.wgsl.ts';

type Call = KernelCall<Record<never, never>>;

/** Tiles of the matrix of each expert; one without rows is written as zeros. */
export const groupedOuterKernel: WebGpuDispatchKernel<Record<never, never>> = {
  backend: 'webgpu',
  name: 'tiles of one expert',
  when(capabilities, { inputs, outputs }: Call) {
    const [E, N, K] = outputs[0]!.shape as [number, number, number];
    const most = gpuLimit(capabilities, 'maxComputeWorkgroupsPerDimension');
    return inputs[0]!.shape[0]! > 0 && E * N * K > 0 && E <= most && Math.ceil(N / tileRows) <= most;
  },
  grid({ outputs }: Call) {
    const [E, N, K] = outputs[0]!.shape as [number, number, number];
    return [Math.ceil(K / tileColumns), Math.ceil(N / tileRows), E];
  },
  source({ outputs, inputs }: Call) {
    const [, N, K] = outputs[0]!.shape as [number, number, number];
    const P = inputs[0]!.shape[0]!;
    return `${bindNumbers({ name: 'a', binding: 0, dtype: 'f32', aligned: N % 4 === 0 })}
${bindNumbers({ name: 'b', binding: 1, dtype: 'f32', aligned: K % 4 === 0 })}
@group(0) @binding(2) var<storage, read> offsets: array<i32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
${tileMemory}
${readMatrix('row_of_a', 'a_four', N)}
${readMatrix('row_of_b', 'b_four', K)}
@compute @workgroup_size(${tileLanes})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let start = u32(offsets[group.z]);
  let stop = min(u32(offsets[group.z + 1u]), ${P}u);
  let m0 = group.y * ${tileRows}u;
  let n0 = group.x * ${tileColumns}u;
  ${tileProducts(
    { along: 'tile', read: (r, d) => `row_of_a(0u, start + ${d}, m0 + ${r}, stop)` },
    { along: 'tile', read: (c, d) => `row_of_b(0u, start + ${d}, n0 + ${c}, stop)` },
    '(stop - start)',
  )}
  let sums = array<vec4f, 4>(sum0, sum1, sum2, sum3);
  for (var r = 0u; r < 4u; r++) {
    let m = m0 + 4u * ty + r;
    for (var c = 0u; c < 4u; c++) {
      let n = n0 + 4u * tx + c;
      if (m < ${N}u && n < ${K}u) { y[(group.z * ${N}u + m) * ${K}u + n] = sums[r][c]; }
    }
  }
}`;
  },
};
