import { logSumExp } from '@tessera/ops';
import { cast, div, equal, expandDims, iota, maximum, mean, mul, reshape, square, sum } from '@tessera/tensor-core';
import type { RouterBalance } from '@tessera/plugin';
import type { Tensor } from '@tessera/tensor-core';

/**
 * What a router did with n tokens. Scores of a token are divided by their sum.
 * @param scores - `[n, E]`
 * @param experts - `[n, k]`, i32
 */
export function routerBalance(scores: Tensor, experts: Tensor): Omit<RouterBalance, 'weight'> {
  const [n, E] = scores.shape as [number, number];
  const each = reshape(experts, [experts.size, 1]);
  const chosen = div(sum(cast(equal(each, expandDims(iota([E]), 0)), 'f32'), { axis: 0 }), Math.max(1, n));
  const shares = div(scores, maximum(sum(scores, { axis: 1, keepDims: true }), 1e-20));
  return { chosen, scores: mean(shares, { axis: 0 }) };
}

/**
 * E Σ_e f_e P_e, a scalar: f_e is the number of tokens that chose expert e over that of all tokens, P_e its mean score, scores of a
 * token divided by their sum. Uniform routers give k; all tokens to one set of experts gives up to E. No gradient flows through f.
 * @param scores - `[n, E]`
 * @param experts - `[n, k]`, i32
 * @see Fedus et al. 2021, arXiv:2101.03961, eq. 4 to 6.
 */
export function balanceLoss(scores: Tensor, experts: Tensor): Tensor {
  const { chosen: f, scores: P } = routerBalance(scores, experts);
  return mul(sum(mul(f, P)), scores.shape[1]!);
}

/**
 * mean_t (log Σ_e e^{z_te})², a scalar: keeps logits small.
 * @param logits - `[n, E]`
 * @see Zoph et al. 2022, arXiv:2202.08906, eq. 5.
 */
export function logitLoss(logits: Tensor): Tensor {
  return mean(square(logSumExp(logits)));
}
