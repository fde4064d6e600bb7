import type { KernelPass } from '@tessera/tensor-core';
import type { Bound, ChunkPlan } from './chunk-pass.wgsl.ts';
import { chunkPass, four, passOf, valueRow, where } from './chunk-pass.wgsl.ts';
import { tileColumns, tileLanes, tileMemory, tilePlace, tileProducts, zeroSums } from './tile-products.wgsl.ts';

const rows = 64;

/**
 * What each chunk adds to the state, or on the way back to its cotangent: Aᵀ Y `[N, B, H, K, V]`, of `left [N, B, H, C, K]` and
 * `right [B, T, H, V]`. All chunks side by side, a workgroup 64 × 64 numbers.
 */
export function chunkIncrements(plan: ChunkPlan, from: Record<'left' | 'right' | 'states', Bound['from']>): KernelPass {
  const { C, T, K, V } = plan;
  const across = Math.ceil(V / tileColumns);
  return chunkPass(plan, {
    tiles: Math.ceil(K / rows) * across,
    bound: [
      { name: 'left', from: from.left, width: K },
      { name: 'right', from: from.right, width: V },
      { name: 'states', from: from.states, width: V },
    ],
    lanes: tileLanes(rows),
    declarations: tileMemory(rows, 1),
    body: `let i0 = (tile / ${across}u) * ${rows}u;
  let j0 = (tile % ${across}u) * ${tileColumns}u;
  ${tilePlace}
  ${zeroSums('s')}
  ${tileProducts(rows, {
    left: { s: { along: 'x', read: (x, d) => where(`${d} < ${C}u`, `read_left(chunk * ${C}u + ${d}, i0 + ${x})`) } },
    right: {
      along: 'x',
      read: (x, d) => where(`${d} < ${C}u && t0 + ${d} < ${T}u`, `read_right(${valueRow(plan, d)}, j0 + ${x})`),
    },
    depth: C,
  })}
  ${four((r) => `if (i0 + ty * 4u + ${r}u < ${K}u) { write_states(chunk * ${K}u + i0 + ty * 4u + ${r}u, j0 + tx * 4u, s${r}); }`)}`,
  });
}

const scanLanes = 64;

/**
 * From what each chunk adds to the state before each chunk, in place: S ← e^{G_C} ⊙ S + what it adds, all elements of all heads side by
 * side; from the last chunk to the first for cotangents.
 */
export function chunkScan(
  plan: ChunkPlan,
  direction: 'forwards' | 'backwards',
  from: Record<'whole' | 'first' | 'states' | 'last', Bound['from']>,
): KernelPass {
  const { B, H, K, V, N, decay } = plan;
  const quads = Math.ceil(V / 4);
  const back = direction === 'backwards';
  const chunk = (turn: string): string => `(begin ${back ? '-' : '+'} ${turn} * ${B * H}u)`;
  const row = (turn: string): string => `${chunk(turn)} * ${K}u + i`;
  // Four turns ahead: a lane has too few numbers of its own to wait for each.
  const fetch = (m: number, turn: string): string =>
    `next${m} = read_states(${row(`(${turn})`)}, j);${decay === 'none' ? '' : ` kept${m} = whole[${decay === 'vector' ? row(`(${turn})`) : chunk(`(${turn})`)}];`}`;
  return passOf(
    {
      bound: [
        ...(decay === 'none' ? [] : [{ name: 'whole', from: from.whole }]),
        { name: 'first', from: from.first, width: V },
        { name: 'states', from: from.states, width: V },
        { name: 'last', from: from.last, width: V },
      ],
      lanes: scanLanes,
      body: `let e = group.x * ${scanLanes}u + lane;
  let i = e / ${quads}u;
  let j = (e % ${quads}u) * 4u;
  if (i >= ${K}u) { return; }
  let head = group.z * ${H}u + group.y;
  let begin = ${back ? `${(N - 1) * B * H}u + ` : ''}head;
  ${four((m) => `var next${m} = vec4f(0.0); var kept${m} = ${decay === 'none' ? '1.0' : '0.0'}; if (${m}u < ${N}u) { ${fetch(m, `${m}u`)} }`, '\n  ')}
  var S = read_first(head * ${K}u + i, j);
  for (var turn = 0u; turn < ${N}u; turn += 4u) {
    ${four(
      (m) => `if (turn + ${m}u < ${N}u) {
      let more = next${m};
      let now = kept${m};
      if (turn + ${m + 4}u < ${N}u) { ${fetch(m, `turn + ${m + 4}u`)} }
      write_states(${row(`(turn + ${m}u)`)}, j, S);
      S = S * now + more;
    }`,
      '\n    ',
    )}
  }
  write_last(head * ${K}u + i, j, S);`,
    },
    [Math.ceil((K * quads) / scanLanes), H, B],
  );
}
