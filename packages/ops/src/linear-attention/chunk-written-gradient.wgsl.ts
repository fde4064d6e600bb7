import type { KernelPass } from '@tessera/tensor-core';
import { strengths, valueColumns } from './chunk-outputs.wgsl.ts';
import type { Bound, ChunkPlan } from './chunk-pass.wgsl.ts';
import { chunkPass, four, valueRow, where } from './chunk-pass.wgsl.ts';
import { decayStride, fillHeadDecays, headDecayBytes, headDecayMemory } from './chunk-decays.wgsl.ts';
import { pairsBytes, pairsMemory, sumPairsAcross } from './chunk-pairs-gradient.wgsl.ts';
import {
  decayTriangle,
  triangleOf,
  trianglePlace,
  triangleProducts,
  triangleSlots,
  writeTriangle,
} from './chunk-triangle.wgsl.ts';
import { tileColumns, tileLanes, tileMemory, tilePlace, tileProducts, zeroSums } from './tile-products.wgsl.ts';

/**
 * Cotangents of what a chunk writes: Pᵀ dO, which goes to `[N, B, H, C, V]` for the delta rule; without it (K ⊙ e^{G_C − G}) dS of the state
 * after the chunk is added, and that is dV `[B, T, H, V]`.
 */
export function chunkWrittenGradient(
  plan: ChunkPlan,
  from: Record<'scores' | 'dO' | 'keys' | 'dStates' | 'out', Bound['from']>,
): KernelPass {
  const { C, T, K, V, delta } = plan;
  const parts = delta ? 2 : 1;
  const row = (r: number): string => `ty * 4u + ${r}u`;
  return chunkPass(plan, {
    tiles: Math.ceil(V / tileColumns),
    bound: [
      { name: 'scores', from: from.scores, width: C },
      { name: 'd_o', from: from.dO, width: V },
      ...(delta
        ? []
        : [
            { name: 'keys', from: from.keys, width: K },
            { name: 'd_states', from: from.dStates, width: V },
          ]),
      { name: 'd_written', from: from.out, width: V },
    ],
    lanes: tileLanes(C),
    declarations: tileMemory(C, 1),
    body: `let j0 = tile * ${tileColumns}u;
  ${tilePlace}
  ${zeroSums('s')}
  ${tileProducts(C, {
    left: {
      s: { along: 'x', read: (x, d) => where(`${d} < ${C}u`, `read_scores(chunk * ${parts * C}u + ${d}, ${x})`) },
    },
    right: valueColumns(plan, 'd_o'),
    depth: C,
    any: (_, end) => `${end} >= ty * 4u`, // no earlier entry sees a row
  })}
  ${
    delta
      ? four((r) => `write_d_written(chunk * ${C}u + ${row(r)}, j0 + tx * 4u, s${r});`)
      : `${tileProducts(C, {
          left: { s: { along: 'd', read: (x, d) => `read_keys(chunk * ${C}u + ${x}, ${d})` } },
          right: {
            along: 'x',
            read: (x, d) => where(`${d} < ${K}u`, `read_d_states(chunk * ${K}u + ${d}, j0 + ${x})`),
          },
          depth: K,
        })}
  ${four((r) => `if (t0 + ${row(r)} < ${T}u) { write_d_written(${valueRow(plan, row(r))}, j0 + tx * 4u, s${r}); }`)}`
  }`,
  });
}

/** Elements of values that are in workgroup memory at a time. */
const depth = 8;

/** Bytes of workgroup memory that {@link chunkScoresGradient} takes. */
export function chunkScoresGradientBytes({ C, decay, delta }: Pick<ChunkPlan, 'C' | 'decay' | 'delta'>): number {
  return (
    16 * depth * decayStride(C) * (delta ? 3 : 2) +
    (decay === 'scalar' ? headDecayBytes(C) + pairsBytes(C) : 0) +
    (delta ? 4 * C : 0)
  );
}

/**
 * Cotangents of the scores inside a chunk, in their place: dO V′ᵀ of P, and of the delta rule − dE V′ᵀ of M, with V′ = β ⊙ F and dE = β ⊙ G;
 * those of a head whose keys decay alike times e^{G_r − G_s}. And dβ = Σ_V F ⊙ G, `[B, T, H]`. Of a head whose keys decay alike also what the
 * pairs s < u ≤ r add to the cotangent of g_u, which is Σ dP_rs P_rs, and of the delta rule dM_rs M_rs.
 */
export function chunkScoresGradient(
  plan: ChunkPlan,
  from: Record<'dO' | 'v' | 'g' | 'beta' | 'missing' | 'dWritten' | 'scores' | 'dBeta' | 'dg', Bound['from']>,
): KernelPass {
  const { C, T, V, decay, delta } = plan;
  const { lanes } = triangleOf(C);
  const stride = decayStride(C);
  const parts = delta ? 2 : 1;
  const scalar = decay === 'scalar';
  const valid = `t0 + r < ${T}u`;
  const outputRow = valueRow(plan, 'r');
  const score = (part: number, r: number): string =>
    `read_scores((chunk * ${parts}u + ${part}u) * ${C}u + i * 4u + ${r}u, j * 4u)`;
  const { declaration, fill } = strengths(plan, lanes);
  const slab = (name: string): string => `var<workgroup> ${name}: array<vec4f, ${depth * stride}>;`;
  const body = `${trianglePlace(C)}
  ${scalar ? `${triangleSlots(C)}\n  ${fillHeadDecays(plan, lanes)}` : ''}
  ${delta ? fill : ''}
  ${zeroSums('p', ...(delta ? ['m'] : []))}
  ${delta ? 'var same = vec4f(0.0);' : ''}
  for (var v0 = 0u; v0 < ${V}u; v0 += ${depth}u) {
    for (var e = lane; e < ${(C * depth) / 4}u; e += ${lanes}u) {
      let r = e / ${depth / 4}u;
      let d = (e % ${depth / 4}u) * 4u;
      let x = ${where(valid, `read_d_o(${outputRow}, v0 + d)`)};
      let y = ${delta ? `read_missing(chunk * ${C}u + r, v0 + d)` : where(valid, `read_v(${outputRow}, v0 + d)`)};
      ${delta ? `let z = read_d_written(chunk * ${C}u + r, v0 + d);` : ''}
      let place = d * ${stride}u + r / 4u;
      ${four((m) => `outputs[place + ${m * stride}u][r % 4u] = x[${m}]; values[place + ${m * stride}u][r % 4u] = y[${m}];${delta ? ` found[place + ${m * stride}u][r % 4u] = z[${m}];` : ''}`)}
    }
    workgroupBarrier();
    if (live) {
      ${triangleProducts(C, depth, { p: 'outputs', ...(delta && { m: 'found' }) }, 'values')}
      ${delta ? `if (onDiagonal) { for (var d = 0u; d < ${depth}u; d++) { same += found[d * ${stride}u + i] * values[d * ${stride}u + i]; } }` : ''}
    }
    workgroupBarrier();
  }
  if (live) {
    ${
      delta
        ? `let columns = vec4f(${four((s) => `strength[j * 4u + ${s}u]`, ', ')});
    ${four((r) => `p${r} *= columns; m${r} *= -strength[i * 4u + ${r}u] * columns;`, '\n    ')}
    if (onDiagonal) {
      for (var m = 0u; m < 4u; m++) {
        let r = i * 4u + m;
        if (${valid}) { d_beta[${outputRow}] = same[m]; }
      }
    }`
        : ''
    }
  }
  ${
    scalar
      ? `${zeroSums('pairs')}
  if (live) {
    ${four((r) => `pairs${r} = p${r} * ${score(0, r)}${delta ? ` + m${r} * ${score(1, r)}` : ''};`, '\n    ')}
  }
  ${sumPairsAcross(C, lanes, `if (t0 + u < ${T}u) { d_g[${valueRow(plan, 'u')}] = total; }`)}`
      : ''
  }
  if (live) {
    ${scalar ? decayTriangle(C, 'p', ...(delta ? ['m'] : [])) : ''}
    ${writeTriangle(C, { name: 'p', buffer: 'scores', part: 0, parts, strictly: false })}
    ${delta ? writeTriangle(C, { name: 'm', buffer: 'scores', part: 1, parts, strictly: true }) : ''}
  }`;
  return chunkPass(plan, {
    bound: [
      { name: 'd_o', from: from.dO, width: V },
      ...(scalar ? [{ name: 'g', from: from.g }] : []),
      ...(delta
        ? [
            { name: 'beta', from: from.beta },
            { name: 'missing', from: from.missing, width: V },
            { name: 'd_written', from: from.dWritten, width: V },
            { name: 'd_beta', from: from.dBeta },
          ]
        : [{ name: 'v', from: from.v, width: V }]),
      { name: 'scores', from: from.scores, width: C },
      ...(scalar ? [{ name: 'd_g', from: from.dg }] : []),
    ],
    lanes,
    declarations: `${scalar ? `${headDecayMemory(C)}\n${pairsMemory(C)}` : ''}
${delta ? declaration : ''}
${['outputs', 'values', ...(delta ? ['found'] : [])].map(slab).join('\n')}`,
    body,
  });
}
