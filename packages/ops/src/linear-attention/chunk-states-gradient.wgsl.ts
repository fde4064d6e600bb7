import type { KernelPass } from '@tessera/tensor-core';
import { strengths } from './chunk-outputs.wgsl.ts';
import type { Bound, ChunkPlan } from './chunk-pass.wgsl.ts';
import { chunkPass, four, valueRow, where } from './chunk-pass.wgsl.ts';
import type { Factor } from './tile-products.wgsl.ts';
import {
  tileColumns,
  tileLanes,
  tileMemory,
  tileMemoryBytes,
  tilePlace,
  tileProducts,
  zeroSums,
} from './tile-products.wgsl.ts';

/**
 * Rows for each chunk of what {@link chunkStatesGradient} hands on, each of K numbers: V′ dSᵀ of its entries, of the delta rule (β ⊙ G) Sᵀ, and
 * Σ_V S ⊙ dS.
 */
export function handedRows({ C, delta }: Pick<ChunkPlan, 'C' | 'delta'>): number {
  return (delta ? 2 : 1) * C + 1;
}

/** Lanes to each of the 64 keys of a tile, for the sums over values. */
function lanesToKey(C: number): number {
  return Math.max(1, Math.floor(tileLanes(C) / tileColumns));
}

/** Bytes of workgroup memory that {@link chunkStatesGradient} takes. */
export function chunkStatesGradientBytes({ C, delta }: Pick<ChunkPlan, 'C' | 'delta'>): number {
  return tileMemoryBytes(C, delta ? 2 : 1) + (delta ? 4 * C : 0) + 4 * tileColumns * lanesToKey(C);
}

/**
 * What queries and keys have to do with the states, as far as it is products of matrices: dO Sᵀ to where dq will be, `[B, T, H, K]`, and the
 * rest to rows for the last pass, `[N, B, H, rows, K]`. No decay is in it yet.
 */
export function chunkStatesGradient(
  plan: ChunkPlan,
  from: Record<'dO' | 'states' | 'dStates' | 'v' | 'missing' | 'dWritten' | 'beta' | 'dq' | 'handed', Bound['from']>,
): KernelPass {
  const { C, T, K, V, delta } = plan;
  const lanes = tileLanes(C);
  const rows = handedRows(plan);
  const { declaration, fill } = strengths(plan, lanes);
  const row = (r: number): string => `ty * 4u + ${r}u`;
  const inputRows = (name: string): Factor => ({
    along: 'd',
    read: (x, d) => where(`t0 + ${x} < ${T}u`, `read_${name}(${valueRow(plan, x)}, ${d})`),
  });
  const strongRows = (name: string): Factor => ({
    along: 'd',
    read: (x, d) => `strength[${x}] * read_${name}(chunk * ${C}u + ${x}, ${d})`,
  });
  const stateColumns = (name: string): Factor => ({
    along: 'd',
    read: (x, d) => where(`k0 + ${x} < ${K}u`, `read_${name}(chunk * ${K}u + k0 + ${x}, ${d})`),
  });
  const each = lanesToKey(C);
  return chunkPass(plan, {
    tiles: Math.ceil(K / tileColumns),
    bound: [
      { name: 'd_o', from: from.dO, width: V },
      { name: 'states', from: from.states, width: V },
      { name: 'd_states', from: from.dStates, width: V },
      ...(delta
        ? [
            { name: 'missing', from: from.missing, width: V },
            { name: 'd_written', from: from.dWritten, width: V },
            { name: 'beta', from: from.beta },
          ]
        : [{ name: 'v', from: from.v, width: V }]),
      { name: 'd_q', from: from.dq, width: K },
      { name: 'handed', from: from.handed, width: K },
    ],
    lanes,
    declarations: `${tileMemory(C, delta ? 2 : 1)}
${delta ? declaration : ''}
var<workgroup> part: array<f32, ${tileColumns * each}>;`,
    body: `let k0 = tile * ${tileColumns}u;
  ${tilePlace}
  ${delta ? fill : ''}
  ${zeroSums('q', 'w', ...(delta ? ['r'] : []))}
  ${tileProducts(C, { left: { q: inputRows('d_o'), ...(delta && { r: strongRows('d_written') }) }, right: stateColumns('states'), depth: V })}
  ${tileProducts(C, { left: { w: delta ? strongRows('missing') : inputRows('v') }, right: stateColumns('d_states'), depth: V })}
  ${four((r) => `if (t0 + ${row(r)} < ${T}u) { write_d_q(${valueRow(plan, row(r))}, k0 + tx * 4u, q${r}); }`)}
  ${four((r) => `write_handed(chunk * ${rows}u + ${row(r)}, k0 + tx * 4u, w${r});`)}
  ${delta ? four((r) => `write_handed(chunk * ${rows}u + ${C}u + ${row(r)}, k0 + tx * 4u, r${r});`) : ''}
  for (var e = lane; e < ${tileColumns * each}u; e += ${lanes}u) {
    var total = 0.0;
    let key = k0 + e / ${each}u;
    if (key < ${K}u) {
      for (var d = (e % ${each}u) * 4u; d < ${V}u; d += ${4 * each}u) {
        total += dot(read_states(chunk * ${K}u + key, d), read_d_states(chunk * ${K}u + key, d));
      }
    }
    part[e] = total;
  }
  workgroupBarrier();
  for (var x = lane; x < ${tileColumns / 4}u; x += ${lanes}u) {
    var totals = vec4f(0.0);
    for (var m = 0u; m < 4u; m++) { for (var j = 0u; j < ${each}u; j++) { totals[m] += part[(x * 4u + m) * ${each}u + j]; } }
    write_handed(chunk * ${rows}u + ${rows - 1}u, k0 + x * 4u, totals);
  }`,
  });
}
