import { softmax, topK } from '@tessera/ops';
import {
  add,
  div,
  equal,
  expandDims,
  gather,
  iota,
  max,
  mul,
  reshape,
  sigmoid,
  stopGradient,
  sum,
  where,
} from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import type { ExpertGroupsConfig, RouterConfig } from './router-config.ts';

/** Stand-in for −∞ below every score with its bias. */
const excluded = -1e30;

/** What a router says of n tokens. */
export interface Routing {
  /** Experts of each token, the best first, `[n, k]`, i32. */
  readonly experts: Tensor;
  /** What each of them counts, `[n, k]`. */
  readonly weights: Tensor;
  /** Scores of all experts, `[n, E]`. */
  readonly scores: Tensor;
}

/**
 * Experts of tokens. Scores are in f32; of equal ones the expert with the lowest index is chosen. The choice has no gradient, the
 * weights have.
 * @param logits - `[n, E]`
 * @param bias - `[E]`, added where experts are chosen
 */
export function route(logits: Tensor, config: Required<RouterConfig>, k: number, bias?: Tensor): Routing {
  const scores = config.scores === 'softmax' ? softmax(logits) : sigmoid(logits);
  const biased = stopGradient(bias ? add(scores, bias) : scores);
  const groups = config.groups as ExpertGroupsConfig | undefined;
  const experts = topK(groups ? ofBestGroups(biased, groups) : biased, k);
  const own = gather(scores, experts, { batchDims: 1 });
  const shared = config.normalize ? div(own, add(sum(own, { axis: 1, keepDims: true }), config.normalizeEps)) : own;
  return { experts, weights: config.scale === 1 ? shared : mul(shared, config.scale), scores };
}

/** Scores with those outside of the chosen groups below all others. */
function ofBestGroups(scores: Tensor, { count, chosen, by }: ExpertGroupsConfig): Tensor {
  const [n, E] = scores.shape as [number, number];
  const cut = reshape(scores, [n, count, E / count]);
  const groupScores =
    by === 'best' ? max(cut, { axis: 2 }) : sum(gather(cut, topK(cut, 2), { batchDims: 2 }), { axis: 2 });
  const best = topK(groupScores, chosen); // [n, chosen]
  const isBest = max(where(equal(expandDims(best, 1), reshape(iota([count]), [1, count, 1])), 1, 0), { axis: 2 });
  return reshape(where(equal(expandDims(isBest, 2), 1), cut, excluded), [n, E]);
}
