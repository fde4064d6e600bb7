import type { LinearAttentionCall, LinearAttentionResult } from '@tessera/ops';
import { ancestors, linearAttentionTree } from '@tessera/ops';
import type { Tensor } from '@tessera/tensor-core';
import { and, broadcastTo, expandDims, iota, lessEqual, notEqual, or, reshape } from '@tessera/tensor-core';

/**
 * The tree form of a recurrence with N steps for each node: a step sees all steps of the nodes before its own, and of its own those up
 * to itself. The state is left as it is.
 * @param parents - `[B, n]`, i32; −1 at a root
 */
export function treeOfSteps(parents: Tensor, N: number): (call: LinearAttentionCall) => LinearAttentionResult {
  const [B, n] = parents.shape as [number, number, number];
  const all = broadcastTo(expandDims(expandDims(ancestors(parents), 2), 4), [B, n, N, n, N]);
  const at = (axis: number): Tensor => iota([1, n, N, n, N], axis);
  const seen = and(all, or(notEqual(at(1), at(3)), lessEqual(at(4), at(2))));
  return (call) => ({
    o: linearAttentionTree({ ...call, ancestors: reshape(seen, [B, n * N, n * N]) }),
    S: call.S,
  });
}
