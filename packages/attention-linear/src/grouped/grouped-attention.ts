import { byGroups } from './by-groups.ts';
import { byPairs } from './by-pairs.ts';
import type { GroupedCall, GroupedResult } from './grouped-call.ts';

/**
 * Causal grouped attention, without factors: softmax-free weights inside a group, a linear memory of the groups before, with
 * γ(t) = ⌊t / w⌋ and one head of queries
 *
 * local_t = Σ_{s ≤ t, γ(s) = γ(t)} p(q_t · k_s) v_s; global_t = q_t A_{γ(t)}, A_j = Σ_{γ(s) < j} k_sᵀ v_s.
 * @see You et al. 2024, arXiv:2406.07368, section 4; Hua et al. 2022, arXiv:2202.10447, section 3
 */
export function groupedAttention(call: GroupedCall): GroupedResult {
  const { entries, operands, rule } = call;
  const n = operands.v.shape[1]!;
  // Up to a group at once, pairs are less work than whole groups.
  return entries.parents || entries.documents || n <= rule.group ? byPairs(call) : byGroups(call);
}
