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
} from '@tessera/plugin';
import {
  add,
  equal,
  expandDims,
  gather,
  matmul,
  mul,
  reshape,
  scan,
  sub,
  transpose,
  where,
  zeros,
} from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import { innerGradient, output, project, start, taus, trainByChunks } from './inner-training.ts';
import type { TrainingParams } from './inner-training.ts';

interface Config {
  /** Entries whose gradients are taken at the same weights. Part of what the layer means. */
  readonly chunk: number;
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
/**
 * TTT-linear, one head: the state is a linear map that starts from learned weights and takes a gradient step an entry, all
 * gradients of a chunk at the weights of its start. Rows of a batch may be at different places in their chunks.
 * @see Sun et al. 2024, arXiv:2407.04620.
 */
export const testTimeTraining: MixerFactory<Config, TrainingParams, State> = defineMixer({
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
    const { params, config, x } = call;
    const rows = alignRows(call, x.shape[1]!);
    return { y: rows.restore(trainByChunks(params, rows.align(x), rows.valid, config.chunk)) };
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
