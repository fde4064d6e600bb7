import type { KernelPass } from '@tessera/tensor-core';
import { chunkDecayBytes, chunkDecays } from './chunk-decays.wgsl.ts';
import { chunkProducts, slabQuads, slabStride } from './chunk-products.wgsl.ts';
import type { LinearAttentionSizes } from './linear-attention-call.ts';
import type { QuadRows } from '../quads.wgsl.ts';
import { bindQuads, readNumber, readQuad } from '../quads.wgsl.ts';

/** Bytes of workgroup memory that {@link chunkWy} takes. */
export function chunkWyBytes(C: number): number {
  return chunkDecayBytes(C) + C * slabStride * 16 + 4 * C;
}

/**
 * The WY form of the delta rule, a workgroup a chunk: from `k [B, T, P, K]`, `v [B, T, H, V]`, `g`, `beta` `[B, T, H]` to the rows
 * of W and U side by side, `[N, B, H, C, K + V]`, zeros after the last entry. With L_rs = β_r (k_r · k_s) e^{G_r − G_s} for s < r,
 * W = (I + L)⁻¹ diag(β) (K ⊙ e^G) and U = (I + L)⁻¹ diag(β) V. I + L is not inverted: each lane solves for single columns of both
 * by forward substitution, with the column in registers.
 * @see Yang et al. 2024, arXiv:2406.06484, section 3; with decay: Yang et al. 2024, arXiv:2412.06464, section 3.3.
 */
export function chunkWy({ B, T, P, H, K, V }: LinearAttentionSizes, C: number): Pick<KernelPass, 'source' | 'grid'> {
  const tiles = C / 4;
  const lanes = Math.max(128, tiles * tiles);
  const rows: QuadRows = { name: 'k', binding: 0, width: K, aligned: K % 4 === 0 };
  const four = [0, 1, 2, 3];
  const quads = Array.from({ length: tiles }, (_, quad) => quad);
  // Four rows of the solution at a time: among themselves one after another, then what the rows below have of them.
  const column = (quad: number, n: number, row: number): string => `between[${(quad * 4 + n) * tiles + row}]`;
  const substitution = quads.flatMap((quad) => [
    ...[0, 1, 2].map((n) => `x${quad} -= x${quad}[${n}] * ${column(quad, n, quad)};`),
    ...quads
      .slice(quad + 1)
      .map((row) => `x${row} -= mat4x4f(${four.map((n) => column(quad, n, row)).join(', ')}) * x${quad};`),
  ]);
  const source = `${bindQuads(rows)}
@group(0) @binding(1) var<storage, read> v: array<f32>;
@group(0) @binding(2) var<storage, read> g: array<f32>;
@group(0) @binding(3) var<storage, read> beta: array<f32>;
@group(0) @binding(4) var<storage, read_write> WU: array<f32>;
${readQuad('key', rows)}
${readNumber('keyElement', rows)}
${chunkDecays(C, { T, H, lanes })}
var<workgroup> slab: array<vec4f, ${C * slabStride}>;
var<workgroup> strength: array<f32, ${C}>;
// Four rows of a column of diag(β) (K ⊙ e^G), then of diag(β) V.
fn right(b: u32, h: u32, t0: u32, quad: u32, column: u32) -> vec4f {
  var x = vec4f(0.0);
  for (var n = 0u; n < 4u; n++) {
    let r = quad * 4u + n;
    let t = b * ${T}u + t0 + r;
    if (t0 + r >= ${T}u) { continue; }
    if (column < ${K}u) { x[n] = strength[r] * fromStart[r] * keyElement(t * ${P}u + h / ${H / P}u, column); }
    else { x[n] = strength[r] * v[(t * ${H}u + h) * ${V}u + column - ${K}u]; }
  }
  return x;
}
@compute @workgroup_size(${lanes})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let h = group.y;
  let b = group.z;
  let t0 = group.x * ${C}u;
  let chunk = (group.x * ${B}u + b) * ${H}u + h;
  let i = lane / ${tiles}u;
  let j = lane % ${tiles}u;
  let mine = i < ${tiles}u && j <= i;
  for (var r = lane; r < ${C}u; r += ${lanes}u) {
    strength[r] = select(0.0, beta[(b * ${T}u + min(t0 + r, ${T - 1}u)) * ${H}u + h], t0 + r < ${T}u);
  }
  measure(b, h, t0, lane);
  ${four.map((n) => `var p${n} = vec4f(0.0);`).join(' ')}
  for (var quad = 0u; quad < ${Math.ceil(K / 4)}u; quad += ${slabQuads}u) {
    for (var e = lane; e < ${C * slabQuads}u; e += ${lanes}u) {
      let r = e / ${slabQuads}u;
      var x = vec4f(0.0);
      if (t0 + r < ${T}u) {
        x = key((b * ${T}u + t0 + r) * ${P}u + h / ${H / P}u, (quad + e % ${slabQuads}u) * 4u);
      }
      slab[r * ${slabStride}u + e % ${slabQuads}u] = x;
    }
    workgroupBarrier();
    if (mine) {
      ${chunkProducts('slab', 'slab')}
    }
    workgroupBarrier();
  }
  // L takes the place of the decays: four rows of column s in a vector, zeros above the diagonal.
  if (mine) {
    let columns = transpose(mat4x4f(p0, p1, p2, p3));
    let here = i * 4u + vec4u(0u, 1u, 2u, 3u);
    let rowStrength = vec4f(${four.map((n) => `strength[here[${n}]]`).join(', ')});
    ${four
      .map(
        (n) =>
          `{ let s = j * 4u + ${n}u; let place = s * ${tiles}u + i; between[place] = select(vec4f(0.0), rowStrength * columns[${n}] * between[place], here > vec4u(s)); }`,
      )
      .join('\n    ')}
  }
  workgroupBarrier();
  for (var column = lane; column < ${K + V}u; column += ${lanes}u) {
    ${quads.map((quad) => `var x${quad} = right(b, h, t0, ${quad}u, column);`).join('\n    ')}
    ${substitution.join('\n    ')}
    ${quads.flatMap((quad) => four.map((n) => `WU[(chunk * ${C}u + ${quad * 4 + n}u) * ${K + V}u + column] = x${quad}[${n}];`)).join('\n    ')}
  }
}`;
  return { source, grid: [Math.ceil(T / C), H, B] };
}
