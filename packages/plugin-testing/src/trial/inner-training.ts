import { layerNorm, linear } from '@tessera/ops';
import { zeroInvalid } from '@tessera/plugin';
import {
  add,
  broadcastTo,
  div,
  expandDims,
  greaterEqual,
  iota,
  matmul,
  maximum,
  mean,
  mul,
  pad,
  permute,
  reshape,
  rsqrt,
  scan,
  sigmoid,
  slice,
  square,
  sub,
  sum,
  transpose,
  where,
} from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';

/** Learned tensors of {@link testTimeTraining}. */
export interface TrainingParams {
  /** `[D, D]` each. */
  readonly q_proj: Tensor;
  readonly k_proj: Tensor;
  readonly v_proj: Tensor;
  /** `[1, D]` */
  readonly rate: Tensor;
  /** Learned part of τ, `[chunk]`. */
  readonly tau: Tensor;
  /** γ and δ of the inner norm, `[D]`. */
  readonly norm: Tensor;
  readonly normBias: Tensor;
  /** Where the memory starts, `[D, D]` and `[D]`. */
  readonly W0: Tensor;
  readonly b0: Tensor;
}

const eps = 1e-5;

/** [k, 1], so that the bias is one more row of W. */
function withOne(k: Tensor): Tensor {
  return pad(k, -1, 0, 1, 1);
}

/** ∂ ½ |LN(z) − target|² / ∂z */
export function innerGradient(z: Tensor, target: Tensor, { norm, normBias }: TrainingParams): Tensor {
  const d = z.shape.at(-1)!;
  const centred = sub(z, mean(z, { axis: -1, keepDims: true }));
  const scale = rsqrt(add(mean(square(centred), { axis: -1, keepDims: true }), eps));
  const unit = mul(centred, scale);
  const r = mul(norm, sub(add(mul(unit, norm), normBias), target));
  const total = (x: Tensor): Tensor => sum(x, { axis: -1, keepDims: true });
  return mul(div(sub(sub(mul(r, d), total(r)), mul(unit, total(mul(unit, r)))), d), scale);
}

/** Inputs of the memory; entries that do not count have rate 0. */
export function project(
  params: TrainingParams,
  x: Tensor,
  valid: Tensor,
): Record<'q' | 'k' | 'target' | 'rate', Tensor> {
  const k = linear(x, params.k_proj);
  const rate = zeroInvalid(div(sigmoid(linear(x, params.rate)), x.shape[2]!), valid); // [B, n, 1]
  return { q: withOne(linear(x, params.q_proj)), k: withOne(k), target: sub(linear(x, params.v_proj), k), rate };
}

/** τ by position in the chunk, `[chunk]`. */
export function taus({ tau }: TrainingParams): Tensor {
  return maximum(add(div(1, add(iota(tau.shape, 0, 'f32'), 1)), tau), 0);
}

/** The memory before the first entry, `[B, D + 1, D]`. */
export function start({ W0, b0 }: TrainingParams, B: number): Tensor {
  const [D] = b0.shape as [number];
  return broadcastTo(add(pad(W0, 0, 0, 1), pad(reshape(b0, [1, D]), 0, D, 0)), [B, D + 1, D]);
}

/** o = q + LN(z) */
export function output(params: TrainingParams, q: Tensor, z: Tensor): Tensor {
  return add(slice(q, -1, 0, z.shape.at(-1)!), layerNorm(z, params.norm, params.normBias, { eps }));
}

/** Whole sequences: all of a chunk at once, z = Q W − (τ · tril(Q Kᵀ)) G with gradients G at the chunk's first weights W. */
export function trainByChunks(params: TrainingParams, x: Tensor, valid: Tensor, C: number): Tensor {
  const [B, T, D] = x.shape as [number, number, number];
  const N = Math.ceil(T / C);
  const chunks = (of: Tensor): Tensor => transpose(reshape(pad(of, 1, 0, N * C - T), [B, N, C, of.shape[2]!]), 0, 1);
  const { q, k, target, rate } = project(params, x, valid);
  const upTo = greaterEqual(iota([C, C], 0), iota([C, C], 1));
  const tau = taus(params);
  const { outputs } = scan({
    carry: { W: start(params, B) },
    sequences: { q: chunks(q), k: chunks(k), target: chunks(target), rate: chunks(rate) },
    step: ({ W }, { q, k, target, rate }) => {
      const g = mul(innerGradient(matmul(k, W), target, params), rate); // [B, C, D]
      const weights = mul(where(upTo, matmul(q, transpose(k)), 0), expandDims(tau, 1));
      const z = sub(matmul(q, W), matmul(weights, g));
      const next = sub(W, mul(matmul(transpose(k), g), slice(tau, 0, C - 1)));
      return { carry: { W: next }, output: { y: output(params, q, z) } };
    },
  });
  return slice(reshape(permute(outputs.y, [1, 0, 2, 3]), [B, N * C, D]), 1, 0, T);
}
