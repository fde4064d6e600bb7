import type { Op, Tensor, TensorType } from '@tessera/tensor-core';
import { add, apply, exp, expandDims, maximum, mul, reshape, scan, sub, sum, transpose } from '@tessera/tensor-core';
import type { LinearAttentionCall, LinearAttentionResult, LinearAttentionVariant } from './linear-attention-call.ts';
import {
  chunkLength,
  costOfLinearAttention,
  inferLinearAttention,
  inputsOf,
  operandsOf,
  variantOf,
} from './linear-attention-call.ts';
import { gradientByChunks } from './linear-attention-chunked-ops.ts';
import { loopsOverEntries, loopsWithStates } from './linear-attention-loops.ts';
import { recurrentKernel, recurrentStatesKernel } from './linear-attention-recurrent.wgsl.ts';
import { forgetsAll, repeatHeads } from './within-chunk.ts';

const timeFirst = (x: Tensor): Tensor => transpose(x, 0, 1);

/** Op: linear attention one entry after another. See {@link linearAttentionRecurrent}. */
export const linearAttentionRecurrentOp: Op<LinearAttentionVariant> = {
  id: '@tessera/ops:linear-attention-recurrent',
  infer: inferLinearAttention,
  definition(inputs, variant) {
    const { o, last } = scanOfEntries(inputs, variant, 'last');
    return [o, last];
  },
  kernels: [loopsOverEntries, recurrentKernel],
  // Entry by entry the way back is a long one, and it would keep or compute again the state before each.
  gradient: (call) => gradientByChunks(call, chunkLength(call.inputs[0]!.shape[1]!, 64)),
  cost: costOfLinearAttention,
};

/** Op: the same with the state after each entry. See {@link linearAttentionStates}. */
export const linearAttentionStatesOp: Op<LinearAttentionVariant> = {
  id: '@tessera/ops:linear-attention-states',
  infer(inputs, variant) {
    const [o, last] = inferLinearAttention(inputs, variant) as [TensorType, TensorType];
    const [B, ...state] = last.shape as [number, ...number[]];
    return [o, { ...last, shape: [B, o.shape[1]!, ...state] }];
  },
  definition(inputs, variant) {
    const { o, states } = scanOfEntries(inputs, variant, 'all');
    return [o, states!];
  },
  kernels: [loopsWithStates, recurrentStatesKernel],
  cost: costOfLinearAttention,
};

/** The recurrence, one entry after another: outputs, the last state, and all of them if they are asked for. */
function scanOfEntries(
  inputs: readonly Tensor[],
  variant: LinearAttentionVariant,
  states: 'last' | 'all',
): { o: Tensor; last: Tensor; states: Tensor | undefined } {
  const { q, k, v, S: S0, g, beta } = operandsOf(inputs, variant);
  const H = v.shape[2]!;
  const { carry, outputs } = scan({
    carry: { S: S0 },
    sequences: {
      q: timeFirst(repeatHeads(q, H)),
      k: timeFirst(repeatHeads(k, H)),
      v: timeFirst(v),
      ...(g && { g: timeFirst(g.rank === 4 ? g : expandDims(g, 3)) }), // [T, B, H, K or 1]
      ...(beta && { beta: timeFirst(beta) }),
    },
    step: ({ S }, { q, k, v, g, beta }) => {
      const decayed = g ? mul(S, exp(maximum(expandDims(g, 3), forgetsAll))) : S;
      const column = expandDims(k, 3); // [B, H, K, 1]
      const u = beta ? mul(expandDims(beta, 2), sub(v, sum(mul(column, decayed), { axis: 2 }))) : v;
      const next = add(decayed, mul(column, expandDims(u, 2)));
      const o = sum(mul(expandDims(q, 3), next), { axis: 2 });
      return { carry: { S: next }, output: { o, ...(states === 'all' && { S: next }) } };
    },
  });
  return {
    o: reshape(timeFirst(outputs.o), v.shape),
    last: carry.S,
    states: outputs.S && timeFirst(outputs.S),
  };
}

/**
 * Linear attention, one entry after another, state in f32 (row vectors, S is `[K, V]`):
 *
 * S̃ = e^{g_t} ⊙ S_{t−1}; u_t = v_t, or with `beta` β_t (v_t − k_t S̃); S_t = S̃ + k_tᵀ u_t; o_t = q_t S_t.
 *
 * An entry of k = v = 0, g = 0 and β = 0 leaves the state as it is: padding.
 * @throws ShapeError when the operands do not fit
 * @see Yang et al. 2023, arXiv:2312.06635 (gated); Yang et al. 2024, arXiv:2406.06484 (delta rule) and arXiv:2412.06464 (both);
 * Kimi Team 2025, arXiv:2510.26692 (both, a decay for each element of a key).
 */
export function linearAttentionRecurrent(call: LinearAttentionCall): LinearAttentionResult {
  const [o, S] = apply(linearAttentionRecurrentOp, inputsOf(call), variantOf(call));
  return { o: o!, S: S! };
}

/**
 * {@link linearAttentionRecurrent} with the state after each entry, `[B, T, H, K, V]`: for whoever learns only later how many of them stay, as
 * with drafts.
 * @throws ShapeError when the operands do not fit
 */
export function linearAttentionStates(call: LinearAttentionCall): { readonly o: Tensor; readonly states: Tensor } {
  const [o, states] = apply(linearAttentionStatesOp, inputsOf(call), variantOf(call));
  return { o: o!, states: states! };
}
