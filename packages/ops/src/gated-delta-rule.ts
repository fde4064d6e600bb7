import type { Cost, CpuKernel, Op, Tensor } from '@tessera/tensor-core';
import {
  ShapeError,
  add,
  apply,
  broadcastTo,
  cumsum,
  exp,
  expandDims,
  greater,
  greaterEqual,
  iota,
  matmul,
  mul,
  pad,
  permute,
  reshape,
  sameShape,
  scan,
  showShape,
  sizeOf,
  slice,
  sub,
  sum,
  transpose,
  where,
} from '@tessera/tensor-core';
import { deltaRuleSizes } from './delta-rule-sizes.ts';
import { chunkedKernel } from './gated-delta-rule-chunked.wgsl.ts';
import { recurrentKernel } from './gated-delta-rule-recurrent.wgsl.ts';
import { minusInfinity } from './softmax.ts';
import { unitLowerInverse } from './unit-lower-inverse.ts';

/** What the gated delta rule is given. */
export interface GatedDeltaRuleCall {
  /** `[B, T, P, K]`, scaled and normalised as the layer wants it. Head h reads head ⌊h · P / H⌋ of queries and keys. */
  readonly q: Tensor;
  /** `[B, T, P, K]` */
  readonly k: Tensor;
  /** `[B, T, H, V]` */
  readonly v: Tensor;
  /** Log decay, `[B, T, H]`, at most 0. 0 keeps the state. */
  readonly g: Tensor;
  /** Writing strength, `[B, T, H]`. 0 writes nothing. */
  readonly beta: Tensor;
  /** State before the first entry, `[B, H, K, V]`. */
  readonly S: Tensor;
}

const kernel: CpuKernel<Record<never, never>> = {
  backend: 'cpu',
  name: 'loops over t',
  run({ inputs: [q, k, v, g, beta, S0], outputs: [o, S1] }) {
    const [B, T, P, K] = q!.shape as [number, number, number, number];
    const [, , H, V] = v!.shape as [number, number, number, number];
    const S = new Float64Array(K * V);
    const read = new Float64Array(V);
    for (let b = 0; b < B; b++)
      for (let h = 0; h < H; h++) {
        const state = (b * H + h) * K * V;
        for (let i = 0; i < K * V; i++) S[i] = S0!.data[S0!.offset + state + i]!;
        for (let t = 0; t < T; t++) {
          const at = (b * T + t) * H + h;
          const row = ((b * T + t) * P + Math.floor((h * P) / H)) * K;
          const decay = Math.exp(g!.data[g!.offset + at]!);
          const strength = beta!.data[beta!.offset + at]!;
          read.fill(0);
          for (let i = 0; i < K; i++) {
            const key = k!.data[k!.offset + row + i]!;
            for (let j = 0; j < V; j++) read[j]! += key * (S[i * V + j]! *= decay);
          }
          for (let j = 0; j < V; j++) read[j] = strength * (v!.data[v!.offset + at * V + j]! - read[j]!);
          for (let i = 0; i < K; i++) {
            const key = k!.data[k!.offset + row + i]!;
            for (let j = 0; j < V; j++) S[i * V + j]! += key * read[j]!;
          }
          for (let j = 0; j < V; j++) {
            let total = 0;
            for (let i = 0; i < K; i++) total += q!.data[q!.offset + row + i]! * S[i * V + j]!;
            o!.data[at * V + j] = total;
          }
        }
        for (let i = 0; i < K * V; i++) S1!.data[state + i] = S[i]!;
      }
  },
};

type Types = Parameters<Op['infer']>[0];

function inferRule([q, k, v, g, beta, S]: Types): ReturnType<Op['infer']> {
  const [B, T, P, K] = q!.shape as [number, number, number, number];
  const [, , H, V] = v!.shape as [number, number, number, number];
  const fits =
    sameShape(k!.shape, [B, T, P, K]) &&
    sameShape(v!.shape, [B, T, H, V]) &&
    sameShape(g!.shape, [B, T, H]) &&
    sameShape(beta!.shape, [B, T, H]) &&
    sameShape(S!.shape, [B, H, K, V]) &&
    (P === H || H % P === 0);
  if (!fits)
    throw new ShapeError(
      `gatedDeltaRule: q ${showShape(q!.shape)}, k ${showShape(k!.shape)}, v ${showShape(v!.shape)}, g ${showShape(g!.shape)}, beta ${showShape(beta!.shape)}, S ${showShape(S!.shape)} do not fit: ` +
        `expected [B, T, P, K], [B, T, P, K], [B, T, H, V], [B, T, H], [B, T, H], [B, H, K, V] with H a multiple of P.`,
    );
  return [
    { shape: [B, T, H, V], dtype: 'f32' },
    { shape: [B, H, K, V], dtype: 'f32' },
  ];
}

/** The recurrence: decay, what a key reads, what it writes, what a query reads, each over the state. */
function costOfRule(inputs: Types, outputs: Types): Cost {
  const { B, T, H, K, V } = deltaRuleSizes(inputs);
  const elements = [...inputs, ...outputs].reduce((total, { shape }) => total + sizeOf(shape), 0);
  return { bytes: 4 * elements, flops: B * T * H * 7 * K * V };
}

/** Each of P heads for the H / P that share it: `x [B, T, P, K]` → `[B, T, H, K]`. */
function repeatHeads(x: Tensor, H: number): Tensor {
  const [B, T, P, K] = x.shape as [number, number, number, number];
  return P === H ? x : reshape(broadcastTo(expandDims(x, 3), [B, T, P, H / P, K]), [B, T, H, K]);
}

/** Op: the gated delta rule one entry after another. See {@link gatedDeltaRuleRecurrent}. */
export const gatedDeltaRuleRecurrentOp: Op<Record<never, never>> = {
  id: '@tessera/ops:gated-delta-rule-recurrent',
  infer: inferRule,
  definition([q, k, v, g, beta, S0]) {
    const H = v!.shape[2]!;
    const timeFirst = (x: Tensor): Tensor => transpose(x, 0, 1);
    const { carry, outputs } = scan({
      carry: { S: S0! },
      sequences: {
        q: timeFirst(repeatHeads(q!, H)),
        k: timeFirst(repeatHeads(k!, H)),
        v: timeFirst(v!),
        g: timeFirst(g!),
        beta: timeFirst(beta!),
      },
      step: ({ S }, { q, k, v, g, beta }) => {
        const decayed = mul(S, exp(expandDims(expandDims(g, 2), 3)));
        const column = expandDims(k, 3); // [B, H, K, 1]
        const u = mul(expandDims(beta, 2), sub(v, sum(mul(column, decayed), { axis: 2 })));
        const next = add(decayed, mul(column, expandDims(u, 2)));
        return { carry: { S: next }, output: { o: sum(mul(expandDims(q, 3), next), { axis: 2 }) } };
      },
    });
    return [timeFirst(outputs.o), carry.S];
  },
  kernels: [kernel, recurrentKernel],
  cost: costOfRule,
};

/** Op: the gated delta rule by chunks. See {@link gatedDeltaRuleChunked}. */
export const gatedDeltaRuleChunkedOp: Op<{ readonly chunk: number }> = {
  id: '@tessera/ops:gated-delta-rule-chunked',
  infer: inferRule,
  definition([q, k, v, g, beta, S0], { chunk: C }) {
    const [B, T, H, V] = v!.shape as [number, number, number, number];
    const N = Math.ceil(T / C);
    // [B, T, H, …] → [N, B, H, C, …]; zeros at the end neither decay nor write.
    const chunks = (x: Tensor): Tensor => {
      const rest = x.shape.slice(3);
      const padded = reshape(pad(x, 1, 0, N * C - T), [B, N, C, H, ...rest]);
      return permute(padded, [1, 0, 3, 2, ...rest.map((_, axis) => axis + 4)]);
    };
    const before = greater(iota([C, C], 0), iota([C, C], 1));
    const upTo = greaterEqual(iota([C, C], 0), iota([C, C], 1));
    const { carry, outputs } = scan({
      carry: { S: S0! },
      sequences: {
        q: chunks(repeatHeads(q!, H)),
        k: chunks(repeatHeads(k!, H)),
        v: chunks(v!),
        g: chunks(g!),
        beta: chunks(beta!),
      },
      step: ({ S }, { q, k, v, g, beta }) => {
        const G = cumsum(g, -1); // [B, H, C]
        // Σ of g over s < u ≤ r, summed for each s alone: in G_r − G_s one strong gate would wipe out the weak ones after it.
        const between = cumsum(where(before, expandDims(g, 3), 0), 2); // [B, H, C, C]
        const decay = exp(where(upTo, between, minusInfinity)); // masked before exp: above the diagonal it would overflow
        const scores = matmul(k, transpose(k));
        const L = where(before, mul(mul(expandDims(beta, 3), scores), decay), 0);
        const A = mul(unitLowerInverse(L), expandDims(beta, 2)); // (I + L)⁻¹ diag(β)
        const fromStart = expandDims(exp(G), 3);
        const U = matmul(A, v);
        const W = matmul(A, mul(k, fromStart));
        const written = sub(U, matmul(W, S)); // V′
        const P = mul(matmul(q, transpose(k)), decay);
        const o = add(matmul(mul(q, fromStart), S), matmul(P, written));
        const last = slice(G, 2, -1); // [B, H, 1]
        const toEnd = exp(transpose(slice(between, 2, -1))); // [B, H, C, 1]
        const next = add(mul(S, exp(expandDims(last, 3))), matmul(transpose(mul(k, toEnd)), written));
        return { carry: { S: next }, output: { o } };
      },
    });
    const o = reshape(permute(outputs.o, [1, 0, 3, 2, 4]), [B, N * C, H, V]);
    return [slice(o, 1, 0, T), carry.S];
  },
  kernels: [chunkedKernel],
  cost: costOfRule,
};

function inputsOf({ q, k, v, g, beta, S }: GatedDeltaRuleCall): Tensor[] {
  return [q, k, v, g, beta, S];
}

/**
 * The gated delta rule, one entry after another, state in f32:
 * S̃ = e^{g_t} S_{t−1}; S_t = S̃ + β_t k_tᵀ (v_t − k_t S̃); o_t = q_t S_t (row vectors, S is `[K, V]`).
 * @returns o `[B, T, H, V]` and the state after the last entry `[B, H, K, V]`
 * @see Yang et al. 2024, arXiv:2412.06464, eq. 10.
 */
export function gatedDeltaRuleRecurrent(call: GatedDeltaRuleCall): { o: Tensor; S: Tensor } {
  const [o, S] = apply(gatedDeltaRuleRecurrentOp, inputsOf(call), {});
  return { o: o!, S: S! };
}

/**
 * The gated delta rule by chunks of `chunk` entries: within a chunk products of matrices, between chunks the state. Equal to
 * {@link gatedDeltaRuleRecurrent} up to rounding.
 * @see Yang et al. 2024, arXiv:2412.06464, section 3.3; the (I + L)⁻¹ form: Yang et al. 2024, arXiv:2406.06484.
 */
export function gatedDeltaRuleChunked(
  call: GatedDeltaRuleCall,
  { chunk = 32 }: { readonly chunk?: number } = {},
): { o: Tensor; S: Tensor } {
  const [o, S] = apply(gatedDeltaRuleChunkedOp, inputsOf(call), { chunk });
  return { o: o!, S: S! };
}
