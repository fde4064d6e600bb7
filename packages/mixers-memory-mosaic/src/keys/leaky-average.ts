import { ancestors, linearAttentionChunked, linearAttentionRecurrent, linearAttentionTree } from '@tessera/ops';
import type { Entries } from '@tessera/plugin';
import { perEntry, zeroInvalid } from '@tessera/plugin';
import { broadcastTo, neg, ones, reshape, where } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';

/** Up to here one entry after another is less work than products of matrices over a chunk. */
const longestStepByRecurrence = 16;

/** A log decay that empties the average: −10 000 is 0 also in doubles. */
const forgetsAll = -1e5;

/**
 * Leaky average of keys, k̄_t = e^{−β} k̄_{t−1} + u_t, as the linear attention that it is: keys and queries are the number 1,
 * values the u_t, and the state is the average. So chunks, single entries and trees run in the kernels that it has, and so does the
 * gradient. (The factor 1 − e^{−β} of an average is taken away by the norm that follows.)
 * @param u - `[B, n, H, d]`, aligned
 * @param beta - β ≥ 0 of each head, `[H]`
 * @param average - k̄ before the first entry, `[B, H, 1, d]`
 * @returns k̄ at each entry, `[B, n, H, d]`, and after the last that counts; of a tree the latter stays as it is
 */
export function leakyAverage(
  u: Tensor,
  beta: Tensor,
  average: Tensor,
  entries: Entries,
): { averages: Tensor; average: Tensor } {
  const [B, n, H] = u.shape as [number, number, number, number];
  const one = ones([B, n, 1, 1]);
  const call = {
    q: one,
    k: zeroInvalid(one, entries.valid), // what does not count writes nothing
    v: u,
    S: average,
    g: logDecay(beta, [B, n, H], entries),
  };
  const { parents } = entries;
  if (parents) return { averages: linearAttentionTree({ ...call, ancestors: ancestors(parents) }), average };
  const { o, S } = n <= longestStepByRecurrence ? linearAttentionRecurrent(call) : linearAttentionChunked(call);
  return { averages: o, average: S };
}

/** −β where an entry counts, 0 where it does not, and everything is forgotten where a document begins. */
function logDecay(beta: Tensor, shape: readonly [number, number, number], { valid, documents }: Entries): Tensor {
  const [, , H] = shape;
  const g = zeroInvalid(broadcastTo(reshape(neg(beta), [1, 1, H]), shape), valid);
  return documents ? where(perEntry(documents.begins, g), forgetsAll, g) : g;
}
