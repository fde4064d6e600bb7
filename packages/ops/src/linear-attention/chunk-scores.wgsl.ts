import type { KernelPass } from '@tessera/tensor-core';
import { chunkDecayBytes, chunkDecays } from './chunk-decays.wgsl.ts';
import { chunkProducts, slabQuads, slabStride } from './chunk-products.wgsl.ts';
import type { LinearAttentionSizes } from './linear-attention-call.ts';
import type { QuadRows } from '../quads.wgsl.ts';
import { bindQuads, readQuad, writeQuad } from '../quads.wgsl.ts';

/** Bytes of workgroup memory that {@link chunkScores} takes. */
export function chunkScoresBytes(C: number): number {
  return chunkDecayBytes(C) + 2 * C * slabStride * 16;
}

/**
 * What the entries of a chunk are to each other, a workgroup a chunk, 4 × 4 scores in a lane: from `q`, `k` `[B, T, P, K]` and
 * `g [B, T, H]` to Q ⊙ e^G and K ⊙ e^{G_C − G} `[N, B, H, C, K]`, P_rs = (q_r · k_s) e^{G_r − G_s} for s ≤ r, else 0,
 * `[N, B, H, C, C]`, and e^{G_C} `[N, B, H]`, bound in this order. Zeros stand after the last entry.
 */
export function chunkScores({ B, T, P, H, K }: LinearAttentionSizes, C: number): Pick<KernelPass, 'source' | 'grid'> {
  const tiles = C / 4;
  const lanes = Math.max(64, tiles * tiles);
  const rows = (name: string, binding: number): QuadRows => ({ name, binding, width: K, aligned: K % 4 === 0 });
  const four = [0, 1, 2, 3];
  const source = `${bindQuads(rows('q', 0))}
${bindQuads(rows('k', 1))}
@group(0) @binding(2) var<storage, read> g: array<f32>;
${bindQuads(rows('queries', 3), 'read_write')}
${bindQuads(rows('keys', 4), 'read_write')}
@group(0) @binding(5) var<storage, read_write> scores: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> decay: array<f32>;
${readQuad('query', rows('q', 0))}
${readQuad('key', rows('k', 1))}
${writeQuad('keepQuery', rows('queries', 3))}
${writeQuad('keepKey', rows('keys', 4))}
${chunkDecays(C, { T, H, lanes })}
var<workgroup> left: array<vec4f, ${C * slabStride}>;
var<workgroup> right: array<vec4f, ${C * slabStride}>;
@compute @workgroup_size(${lanes})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let h = group.y;
  let b = group.z;
  let t0 = group.x * ${C}u;
  let chunk = (group.x * ${B}u + b) * ${H}u + h;
  let i = lane / ${tiles}u;
  let j = lane % ${tiles}u;
  measure(b, h, t0, lane);
  if (lane == 0u) { decay[chunk] = fromStart[${C - 1}]; }
  ${four.map((n) => `var p${n} = vec4f(0.0);`).join(' ')}
  for (var quad = 0u; quad < ${Math.ceil(K / 4)}u; quad += ${slabQuads}u) {
    for (var e = lane; e < ${C * slabQuads}u; e += ${lanes}u) {
      let r = e / ${slabQuads}u;
      let column = (quad + e % ${slabQuads}u) * 4u;
      var x = vec4f(0.0);
      var y = vec4f(0.0);
      if (t0 + r < ${T}u) {
        let row = (b * ${T}u + t0 + r) * ${P}u + h / ${H / P}u;
        x = query(row, column);
        y = key(row, column);
      }
      let place = r * ${slabStride}u + e % ${slabQuads}u;
      left[place] = x;
      right[place] = y;
      keepQuery(chunk * ${C}u + r, column, fromStart[r] * x);
      keepKey(chunk * ${C}u + r, column, between[r * ${tiles}u + ${tiles - 1}u].w * y);
    }
    workgroupBarrier();
    if (i < ${tiles}u && j <= i) {
      ${chunkProducts('left', 'right')}
    }
    workgroupBarrier();
  }
  if (i < ${tiles}u) {
    // Above the diagonal both factors are zero.
    let kept = transpose(mat4x4f(${four.map((n) => `between[(j * 4u + ${n}u) * ${tiles}u + i]`).join(', ')}));
    ${four.map((n) => `scores[(chunk * ${C}u + i * 4u + ${n}u) * ${tiles}u + j] = p${n} * kept[${n}];`).join('\n    ')}
  }
}`;
  return { source, grid: [Math.ceil(T / C), H, B] };
}
