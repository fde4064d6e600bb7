import type { KernelCall, WebGpuDispatchKernel } from '@tessera/tensor-core';
import type { GroupedLinearAttributes } from './grouped-loops.ts';
import { mostPerAxis } from './folded-grid.wgsl.ts';
import { readMatrix, tileColumns, tileLanes, tileMemory, tileProducts, tileRows } from './grouped-tiles.wgsl.ts';
import { bindNumbers } from './weights.wgsl.ts';

interface Sizes {
  readonly P: number;
  readonly E: number;
  readonly N: number;
  readonly K: number;
  /** Tiles of rows: an expert's last one may be part empty. */
  readonly tiles: number;
}

function sizesOf({ inputs, outputs }: KernelCall<GroupedLinearAttributes>): Sizes {
  const [P, K] = inputs[0]!.shape as [number, number];
  const E = inputs[1]!.shape[0]!;
  return { P, K, E, N: outputs[0]!.shape[1]!, tiles: Math.floor(P / tileRows) + E };
}

/**
 * Tiles of 32 rows of one expert by 64 columns. Expert e has the tiles from ⌊offsets[e] / 32⌋ + e on, which are more than it needs by
 * less than one in all: so each workgroup finds its expert by halving, and the host knows no count.
 */
export const groupedLinearKernel: WebGpuDispatchKernel<GroupedLinearAttributes> = {
  backend: 'webgpu',
  name: 'tiles of one expert',
  when(_, call) {
    const { P, K, N, E, tiles } = sizesOf(call);
    return P > 0 && K > 0 && N > 0 && E > 0 && tiles <= mostPerAxis;
  },
  grid(call) {
    const { N, tiles } = sizesOf(call);
    return [Math.ceil(N / tileColumns), tiles, 1];
  },
  source(call) {
    const { P, E, N, K } = sizesOf(call);
    const { transposed } = call.attributes;
    const columns = transposed ? N : K;
    return `${bindNumbers({ name: 'x', binding: 0, dtype: 'f32', aligned: K % 4 === 0 })}
${bindNumbers({ name: 'weight', binding: 1, dtype: call.inputs[1]!.dtype, aligned: columns % 4 === 0 })}
@group(0) @binding(2) var<storage, read> offsets: array<i32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
${tileMemory}
${readMatrix('row_of_x', 'x_four', K)}
${readMatrix('row_of_weight', 'weight_four', columns)}
fn first_tile(e: u32) -> u32 { return u32(offsets[e]) / ${tileRows}u + e; }
@compute @workgroup_size(${tileLanes})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  var e = 0u;
  for (var high = ${E}u; high - e > 1u;) {
    let middle = (e + high) / 2u;
    if (first_tile(middle) <= group.y) { e = middle; } else { high = middle; }
  }
  let m0 = u32(offsets[e]) + (group.y - first_tile(e)) * ${tileRows}u;
  let stop = min(u32(offsets[e + 1u]), ${P}u);
  if (m0 >= stop) { return; }
  let n0 = group.x * ${tileColumns}u;
  let base = e * ${N * K}u;
  ${tileProducts(
    { along: 'sums', read: (r, d) => `row_of_x(0u, m0 + ${r}, ${d}, stop)` },
    transposed
      ? { along: 'tile', read: (c, d) => `row_of_weight(base, ${d}, n0 + ${c}, ${K}u)` }
      : { along: 'sums', read: (c, d) => `row_of_weight(base, n0 + ${c}, ${d}, ${N}u)` },
    `${K}u`,
  )}
  let sums = array<vec4f, 4>(sum0, sum1, sum2, sum3);
  for (var r = 0u; r < 4u; r++) {
    let m = m0 + 4u * ty + r;
    for (var c = 0u; c < 4u; c++) {
      let n = n0 + 4u * tx + c;
      if (m < stop && n < ${N}u) { y[m * ${N}u + n] = sums[r][c]; }
    }
  }
}`;
  },
};
