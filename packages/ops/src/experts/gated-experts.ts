import type { Tensor } from '@tessera/tensor-core';
import { broadcastTo, expandDims, mul, reshape, sum } from '@tessera/tensor-core';
import type { ActivationName } from '../activation.ts';
import { activations } from '../activation.ts';
import { expertLinear } from './expert-linear.ts';
import { groupByExpert } from './group-by-expert.ts';
import { groupedLinear } from './grouped-products.ts';
import { permuteRows } from './permute-rows.ts';

/** What {@link gatedExperts} is given. */
export interface GatedExpertsCall {
  /** `[n, D]` */
  readonly x: Tensor;
  /** Experts of each token, `[n, k]`, i32 */
  readonly experts: Tensor;
  /** What each of them counts, `[n, k]` */
  readonly weights: Tensor;
  /** `[E, F, D]` */
  readonly gate: Tensor;
  /** `[E, F, D]` */
  readonly up: Tensor;
  /** `[E, D, F]` */
  readonly down: Tensor;
  readonly activation: ActivationName;
}

/** Up to so many pairs of token and expert each reads the matrices of its expert by itself. */
const mostPairsAlone = 32;

/**
 * Feed-forwards of which each token passes k, y_t = Σ_j w_tj (act(x_t G_eᵀ) ⊙ x_t U_eᵀ) D_eᵀ with e the j-th expert of t, `[n, D]`. Many
 * tokens are grouped by expert on the device and go through their matrices together; the sum over j is in order, so results do
 * not depend on the order of anything else.
 */
export function gatedExperts({ x, experts, weights, gate, up, down, activation }: GatedExpertsCall): Tensor {
  const [n, k] = experts.shape as [number, number];
  const D = x.shape[1]!;
  const pairs = n * k;
  const inner = (map: (weight: Tensor) => Tensor): Tensor => mul(activations[activation](map(gate)), map(up));
  const outputs = (): Tensor => {
    if (pairs <= mostPairsAlone)
      return expertLinear(
        inner((weight) => expertLinear(x, weight, experts)),
        down,
        experts,
      );
    const { order, places, offsets } = groupByExpert(experts, gate.shape[0]!);
    const rows = permuteRows(reshape(broadcastTo(expandDims(x, 1), [n, k, D]), [pairs, D]), order, places);
    const made = groupedLinear(
      inner((weight) => groupedLinear(rows, weight, offsets)),
      down,
      offsets,
    );
    return permuteRows(made, places, order);
  };
  return sum(mul(reshape(outputs(), [n, k, D]), expandDims(weights, 2)), { axis: 1 });
}
