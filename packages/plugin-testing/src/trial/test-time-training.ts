import { layerNorm, linear } from '@tessera/ops';
import type { MixerFactory } from '@tessera/plugin';
import {
  alignRows,
  constant,
  defineMixer,
  fields,
  int,
  linearWeight,
  normal,
  perEntry,
  refuseSegments,
  zeroInvalid,
} from '@tessera/plugin';
import {
  add,
  broadcastTo,
  div,
  equal,
  expandDims,
  gather,
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
  zeros,
} from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';

interface Config {
  /** Entries whose gradients are taken at the same weights. Part of what the layer means. */
  readonly chunk: number;
}

interface Params {
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

interface State {
  /** Weights at the start of the chunk, the last row being b: `[B, D + 1, D]`. */
  readonly W: Tensor;
  /** Σ lr · [k, 1]ᵀ g of the chunk so far, `[B, D + 1, D]`. */
  readonly sum: Tensor;
  /** Entries of the chunk so far, `[B]`, i32. */
  readonly phase: Tensor;
}

const name = '@tessera/plugin-testing:test-time-training';
const eps = 1e-5;

/** [k, 1], so that the bias is one more row of W. */
function withOne(k: Tensor): Tensor {
  return pad(k, -1, 0, 1, 1);
}

/** ∂ ½ |LN(z) − target|² / ∂z */
function innerGradient(z: Tensor, target: Tensor, { norm, normBias }: Params): Tensor {
  const d = z.shape.at(-1)!;
  const centred = sub(z, mean(z, { axis: -1, keepDims: true }));
  const scale = rsqrt(add(mean(square(centred), { axis: -1, keepDims: true }), eps));
  const unit = mul(centred, scale);
  const r = mul(norm, sub(add(mul(unit, norm), normBias), target));
  const total = (x: Tensor): Tensor => sum(x, { axis: -1, keepDims: true });
  return mul(div(sub(sub(mul(r, d), total(r)), mul(unit, total(mul(unit, r)))), d), scale);
}

function project(params: Params, x: Tensor, valid: Tensor): Record<'q' | 'k' | 'target' | 'rate', Tensor> {
  const k = linear(x, params.k_proj);
  const rate = zeroInvalid(div(sigmoid(linear(x, params.rate)), x.shape[2]!), valid); // [B, n, 1]
  return { q: withOne(linear(x, params.q_proj)), k: withOne(k), target: sub(linear(x, params.v_proj), k), rate };
}

/** τ by position in the chunk, `[chunk]`. */
function taus({ tau }: Params): Tensor {
  return maximum(add(div(1, add(iota(tau.shape, 0, 'f32'), 1)), tau), 0);
}

function start({ W0, b0 }: Params, B: number): Tensor {
  const [D] = b0.shape as [number];
  return broadcastTo(add(pad(W0, 0, 0, 1), pad(reshape(b0, [1, D]), 0, D, 0)), [B, D + 1, D]);
}

function output(params: Params, q: Tensor, z: Tensor): Tensor {
  return add(slice(q, -1, 0, z.shape.at(-1)!), layerNorm(z, params.norm, params.normBias, { eps }));
}

/**
 * TTT-linear, one head: the state is a linear map that starts from learned weights and takes a gradient step an entry, all
 * gradients of a chunk at the weights of its start. Rows of a batch may be at different places in their chunks.
 * @see Sun et al. 2024, arXiv:2407.04620.
 */
export const testTimeTraining: MixerFactory<Config, Params, State> = defineMixer({
  contract: 'sequence-mixer/1',
  name,
  config: fields<Config>({ chunk: int({ min: 1 }) }),
  params: ({ config: { chunk }, dModel: D }) => ({
    q_proj: linearWeight(D, D),
    k_proj: linearWeight(D, D),
    v_proj: linearWeight(D, D),
    rate: linearWeight(1, D),
    tau: { shape: [chunk], init: constant(0) },
    norm: { shape: [D], init: constant(1) },
    normBias: { shape: [D], init: constant(0) },
    W0: { shape: [D, D], init: normal(0.3), precise: true },
    b0: { shape: [D], init: constant(0) },
  }),
  forward(call) {
    refuseSegments(name, call);
    const {
      params,
      config: { chunk: C },
      x,
    } = call;
    const [B, T, D] = x.shape as [number, number, number];
    const rows = alignRows(call, T);
    const N = Math.ceil(T / C);
    const chunks = (of: Tensor): Tensor => transpose(reshape(pad(of, 1, 0, N * C - T), [B, N, C, of.shape[2]!]), 0, 1);
    const { q, k, target, rate } = project(params, rows.align(x), rows.valid);
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
    return { y: rows.restore(slice(reshape(permute(outputs.y, [1, 0, 2, 3]), [B, N * C, D]), 1, 0, T)) };
  },
  decoding: {
    memory: ({ batch: B, dModel: D }) => ({ growth: 'constant', bytes: 4 * B * (2 * (D + 1) * D + 1) }),
    init: ({ params, batch: B, dModel: D }) => ({
      W: start(params, B),
      sum: zeros([B, D + 1, D]),
      phase: zeros([B], 'i32'),
    }),
    step(call) {
      const {
        params,
        config: { chunk: C },
        x,
        state,
      } = call;
      const rows = alignRows(call, x.shape[1]!);
      const each = (of: Tensor): Tensor => expandDims(transpose(of, 0, 1), 2); // [n, B, 1, …]
      const { q, k, target, rate } = project(params, rows.align(x), rows.valid);
      const tau = taus(params);
      const { carry, outputs } = scan({
        carry: state,
        sequences: {
          q: each(q),
          k: each(k),
          target: each(target),
          rate: each(rate),
          valid: transpose(rows.valid, 0, 1),
        },
        step: ({ W, sum: before, phase }, { q, k, target, rate, valid }) => {
          const g = mul(innerGradient(matmul(k, W), target, params), rate);
          const sum = add(before, matmul(transpose(k), g));
          const now = sub(W, mul(sum, perEntry(gather(tau, phase), W)));
          const seen = where(valid, add(phase, 1), phase);
          const full = equal(seen, C);
          const folds = perEntry(full, W);
          return {
            carry: { W: where(folds, now, W), sum: where(folds, 0, sum), phase: where(full, 0, seen) },
            output: { y: output(params, q, matmul(q, now)) },
          };
        },
      });
      return {
        y: rows.restore(transpose(reshape(outputs.y, [x.shape[1]!, x.shape[0]!, x.shape[2]!]), 0, 1)),
        state: carry,
      };
    },
  },
});
