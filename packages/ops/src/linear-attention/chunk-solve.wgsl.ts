import type { KernelPass } from '@tessera/tensor-core';
import type { Bound, ChunkPlan } from './chunk-pass.wgsl.ts';
import { chunkPass, four, valueRow } from './chunk-pass.wgsl.ts';

const tilesOf = (C: number): number => ((C / 4) * (C / 4 + 1)) / 2;

/** Bytes of workgroup memory that solving takes. */
export function chunkSolveBytes(C: number): number {
  return 64 * tilesOf(C) + 4 * C;
}

/** A buffer whose columns are solved for, in place. */
interface Columns {
  readonly bound: Bound;
  readonly width: number;
  /** WGSL of the number at row `r` and `column`. */
  at(r: string, column: string): string;
  /** WGSL that stores `x`. */
  store(r: string, column: string, x: string): string;
}

/**
 * Solves (I + M diag(β)) X = Y, or (I + Mᵀ diag(β)) X = Y, by substitution, a workgroup a chunk: each lane has single columns of X
 * in registers, M lies in workgroup memory, 4 × 4 numbers a tile. Nothing is inverted.
 */
function solve(plan: ChunkPlan, transposed: boolean, columns: readonly Columns[], bound: readonly Bound[]): KernelPass {
  const { C, T } = plan;
  const tiles = C / 4;
  const width = columns.reduce((total, each) => total + each.width, 0);
  const lanes = width > 128 ? 256 : 128;
  const quads = Array.from({ length: tiles }, (_, quad) => quad);
  // A tile of M diag(β) by columns, of Mᵀ diag(β) by rows of M: vectors that numbers of X multiply.
  const vector = (later: number, earlier: number, m: number): string =>
    `square[${((later * (later + 1)) / 2 + earlier) * 4 + m}]`;
  const onto = (quad: number, from: number): string =>
    `x${quad} -= mat4x4f(${[0, 1, 2, 3].map((m) => (transposed ? vector(from, quad, m) : vector(quad, from, m))).join(', ')}) * x${from};`;
  const inside = (quad: number): string =>
    (transposed ? [3, 2, 1] : [0, 1, 2]).map((m) => `x${quad} -= ${vector(quad, quad, m)} * x${quad}[${m}];`).join(' ');
  const order = transposed ? quads.toReversed() : quads;
  const substitution = order.flatMap((quad, index) => [
    inside(quad),
    ...order.slice(index + 1).map((next) => onto(next, quad)),
  ]);
  let first = 0;
  const blocks = columns.map(({ width, at, store }) => {
    const code = `for (var e = lane; e < ${first + width}u; e += ${lanes}u) {
    if (e < ${first}u) { continue; }
    let column = e - ${first}u;
    ${quads.map((quad) => `var x${quad} = vec4f(${[0, 1, 2, 3].map((m) => at(`${quad * 4 + m}u`, 'column')).join(', ')});`).join('\n    ')}
    ${substitution.join('\n    ')}
    ${quads.map((quad) => four((m) => store(`${quad * 4 + m}u`, 'column', `x${quad}[${m}]`), '\n    ')).join('\n    ')}
  }`;
    first += width;
    return code;
  });
  const body = `for (var r = lane; r < ${C}u; r += ${lanes}u) {
    strength[r] = select(0.0, beta[${valueRow(plan, `min(r, ${T - 1}u - t0)`)}], t0 + r < ${T}u);
  }
  workgroupBarrier();
  for (var e = lane; e < ${C * tiles}u; e += ${lanes}u) {
    let r = e / ${tiles}u;
    let j = e % ${tiles}u;
    let i = r / 4u;
    if (j <= i) {
      let x = read_scores((chunk * 2u + 1u) * ${C}u + r, j * 4u);
      let at = (i * (i + 1u) / 2u + j) * 4u;
      ${
        transposed
          ? 'square[at + r % 4u] = x * strength[r];'
          : four((m) => `square[at + ${m}u][r % 4u] = x[${m}] * strength[j * 4u + ${m}u];`)
      }
    }
  }
  workgroupBarrier();
  ${blocks.join('\n  ')}`;
  return chunkPass(plan, {
    bound: [...bound, ...columns.map((each) => each.bound)],
    lanes,
    declarations: `var<workgroup> square: array<vec4f, ${4 * tilesOf(C)}>;
var<workgroup> strength: array<f32, ${C}>;`,
    body,
  });
}

/** Buffers that both passes read. */
interface SolveBuffers {
  readonly scores: Bound['from'];
  readonly beta: Bound['from'];
}

/**
 * The WY form of the delta rule: U = A V and W = A (K ⊙ e^G), A = (I + M diag(β))⁻¹, from `v [B, T, H, V]` and, in place, K ⊙ e^G.
 * @see Yang et al. 2024, arXiv:2406.06484, section 3; with decay: Yang et al. 2024, arXiv:2412.06464, section 3.3.
 */
export function chunkWy(
  plan: ChunkPlan,
  from: SolveBuffers & { readonly v: Bound['from']; readonly reads: Bound['from']; readonly missing: Bound['from'] },
): KernelPass {
  const { C, T, K, V } = plan;
  const numbers = (name: string, width: number): Pick<Columns, 'width' | 'at' | 'store'> => ({
    width,
    at: (r, column) => `${name}[(chunk * ${C}u + ${r}) * ${width}u + ${column}]`,
    store: (r, column, x) => `${name}[(chunk * ${C}u + ${r}) * ${width}u + ${column}] = ${x};`,
  });
  return solve(
    plan,
    false,
    [
      { bound: { name: 'reads', from: from.reads }, ...numbers('reads', K) },
      {
        bound: { name: 'missing', from: from.missing },
        ...numbers('missing', V),
        at: (r, column) => `select(0.0, v[${valueRow(plan, r)} * ${V}u + ${column}], t0 + ${r} < ${T}u)`,
      },
    ],
    [
      { name: 'v', from: from.v },
      { name: 'beta', from: from.beta },
      { name: 'scores', from: from.scores, width: C },
    ],
  );
}

/**
 * The way back through the WY form: G = (I + Mᵀ diag(β))⁻¹ dV′ in place of dV′ `[N, B, H, C, V]`, and dv = β ⊙ G `[B, T, H, V]`.
 */
export function chunkWyBack(
  plan: ChunkPlan,
  from: SolveBuffers & { readonly dWritten: Bound['from']; readonly dv: Bound['from'] },
): KernelPass {
  const { C, T, V } = plan;
  return solve(
    plan,
    true,
    [
      {
        bound: { name: 'dWritten', from: from.dWritten },
        width: V,
        at: (r, column) => `dWritten[(chunk * ${C}u + ${r}) * ${V}u + ${column}]`,
        store: (r, column, x) => `dWritten[(chunk * ${C}u + ${r}) * ${V}u + ${column}] = ${x};
    if (t0 + ${r} < ${T}u) { dv[${valueRow(plan, r)} * ${V}u + ${column}] = strength[${r}] * ${x}; }`,
      },
    ],
    [
      { name: 'beta', from: from.beta },
      { name: 'scores', from: from.scores, width: C },
      { name: 'dv', from: from.dv },
    ],
  );
}
