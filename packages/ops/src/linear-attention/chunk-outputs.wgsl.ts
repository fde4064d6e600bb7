import type { KernelPass } from '@tessera/tensor-core';
import type { Bound, ChunkPlan } from './chunk-pass.wgsl.ts';
import { chunkPass, four, valueRow, where } from './chunk-pass.wgsl.ts';
import type { Factor } from './tile-products.wgsl.ts';
import { tileColumns, tileLanes, tileMemory, tilePlace, tileProducts, zeroSums } from './tile-products.wgsl.ts';

/** WGSL of memory with the β of a chunk's entries, and what fills it. */
export function strengths(plan: ChunkPlan, lanes: number): { readonly declaration: string; readonly fill: string } {
  const { C, T } = plan;
  return {
    declaration: `var<workgroup> strength: array<f32, ${C}>;`,
    fill: `for (var r = lane; r < ${C}u; r += ${lanes}u) {
    strength[r] = select(0.0, beta[${valueRow(plan, `min(r, ${T - 1}u - t0)`)}], t0 + r < ${T}u);
  }
  workgroupBarrier();`,
  };
}

/** Rows `[B, T, H, V]` of a chunk as the columns of a product, from column `j0` on. */
export function valueColumns(plan: ChunkPlan, buffer: string): Factor {
  const { C, T } = plan;
  return {
    along: 'x',
    read: (x, d) => where(`${d} < ${C}u && t0 + ${d} < ${T}u`, `read_${buffer}(${valueRow(plan, d)}, j0 + ${x})`),
  };
}

/** The same of rows `[N, B, H, C, V]`, each times its β. */
function strengthColumns({ C }: ChunkPlan, buffer: string): Factor {
  return {
    along: 'x',
    read: (x, d) =>
      where(
        `${d} < ${C}u`,
        `strength[min(${d}, ${C - 1}u)] * read_${buffer}(chunk * ${C}u + min(${d}, ${C - 1}u), j0 + ${x})`,
      ),
  };
}

/** O = (Q ⊙ e^G) S + P V′ of each chunk, `[B, T, H, V]`. V′ is v, or β ⊙ what was missing. */
export function chunkOutputs(
  plan: ChunkPlan,
  from: Record<'queries' | 'states' | 'scores' | 'v' | 'missing' | 'beta' | 'o', Bound['from']>,
): KernelPass {
  const { C, T, K, V, delta } = plan;
  const parts = delta ? 2 : 1;
  const lanes = tileLanes(C);
  const { declaration, fill } = strengths(plan, lanes);
  return chunkPass(plan, {
    tiles: Math.ceil(V / tileColumns),
    bound: [
      { name: 'queries', from: from.queries, width: K },
      { name: 'states', from: from.states, width: V },
      { name: 'scores', from: from.scores, width: C },
      ...(delta
        ? [
            { name: 'missing', from: from.missing, width: V },
            { name: 'beta', from: from.beta },
          ]
        : [{ name: 'v', from: from.v, width: V }]),
      { name: 'o', from: from.o, width: V },
    ],
    lanes,
    declarations: `${tileMemory(C, 1)}
${delta ? declaration : ''}`,
    body: `let j0 = tile * ${tileColumns}u;
  ${tilePlace}
  ${delta ? fill : ''}
  ${zeroSums('s')}
  ${tileProducts(C, {
    left: { s: { along: 'd', read: (x, d) => `read_queries(chunk * ${C}u + ${x}, ${d})` } },
    right: { along: 'x', read: (x, d) => where(`${d} < ${K}u`, `read_states(chunk * ${K}u + ${d}, j0 + ${x})`) },
    depth: K,
  })}
  ${tileProducts(C, {
    left: { s: { along: 'd', read: (x, d) => `read_scores(chunk * ${parts * C}u + ${x}, ${d})` } },
    right: delta ? strengthColumns(plan, 'missing') : valueColumns(plan, 'v'),
    depth: C,
    any: (d) => `${d} <= ty * 4u + 3u`, // a row sees no later entry
  })}
  ${four((r) => `if (t0 + ty * 4u + ${r}u < ${T}u) { write_o(${valueRow(plan, `ty * 4u + ${r}u`)}, j0 + tx * 4u, s${r}); }`)}`,
  });
}
