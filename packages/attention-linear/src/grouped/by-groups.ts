import { pickRows } from '@tessera/plugin';
import type { Tensor } from '@tessera/tensor-core';
import {
  add,
  cast,
  concat,
  cumsum,
  div,
  expandDims,
  gather,
  greaterEqual,
  iota,
  less,
  matmul,
  mul,
  pad,
  permute,
  reshape,
  slice,
  sub,
  sum,
  transpose,
  where,
} from '@tessera/tensor-core';
import { mergeShared, splitShared } from './by-heads.ts';
import type { GroupedCall, GroupedOperands, GroupedResult, GroupedRule, GroupedState } from './grouped-call.ts';

/**
 * Grouped attention of a chain by groups of w: within a group a product of w × w weights, between groups the exclusive running sum
 * of Kᵀ V over the groups. A query never reads the sum of its own group.
 */
export function byGroups({ operands, rule, entries, state }: GroupedCall): GroupedResult {
  const n = operands.v.shape[1]!;
  const upTo = (o: Tensor | undefined): Tensor | undefined => o && slice(o, 1, 0, n);
  if (!state) {
    const { local, global } = groupsOf(operands, rule, undefined);
    return { local: upTo(local), global: upTo(global), state: undefined };
  }
  const { group: w } = rule;
  const phase = cast(state.phase, 'i32');
  const count = Math.ceil((w - 1 + n) / w);
  // Entry i of the rows stands at place phase + i, behind the open group.
  const place = iota([1, count * w], 1);
  const before = expandDims(phase, 1);
  const total = add(phase, entries.lengths);
  const from = where(
    less(place, before),
    place,
    where(less(place, expandDims(total, 1)), add(sub(place, before), w), -1),
  );
  const behind = (kept: Tensor, own: Tensor): Tensor => pickRows(concat([kept, own], 1), from);
  const { k, v, linearK } = operands;
  const queries = (q: Tensor): Tensor => pickRows(q, sub(place, before));
  const aligned: GroupedOperands = {
    q: queries(operands.q),
    k: state.k ? behind(state.k, k) : k,
    v: behind(state.v, v),
    ...(operands.linearQ && { linearQ: queries(operands.linearQ) }),
    ...(linearK && { linearK: state.linear_k ? behind(state.linear_k, linearK) : linearK }),
  };
  const groups = groupsOf(aligned, rule, state.A);
  const own = add(iota([1, n], 1), before);
  const { local, global } = groups;
  const closed = div(total, w);
  const stays = add(mul(expandDims(closed, 1), w), iota([1, w], 1)); // places of the group that is open afterwards
  const open = (x: Tensor): Tensor => pickRows(x, stays);
  return {
    local: local && pickRows(local, own),
    global: global && pickRows(global, own),
    state: {
      ...(state.A && { A: groups.memoryAfter(closed) }),
      ...(state.k && { k: open(aligned.k) }),
      ...(state.linear_k && { linear_k: open(aligned.linearK!) }),
      v: open(aligned.v),
      phase: cast(sub(total, mul(closed, w)), 'f32'),
    },
  };
}

/** Entries from the first of a group on, group by group; the outputs `[B, N · w, H, V]` are those of whole groups. */
function groupsOf(
  { q, k, v, linearQ = q, linearK = k }: GroupedOperands,
  { group: w, weigh, bias, parts }: GroupedRule,
  A: GroupedState['A'],
): Pick<GroupedResult, 'local' | 'global'> & { memoryAfter(closed: Tensor): Tensor } {
  const [B, n, P] = v.shape as [number, number, number, number];
  const H = q.shape[2]!;
  const S = H / P;
  const N = Math.ceil(n / w);
  const filled = (x: Tensor): Tensor => (N * w === n ? x : pad(x, 1, 0, N * w - n));
  const keys = (x: Tensor): Tensor => permute(reshape(filled(x), [B, N, w, P, x.shape[3]!]), [0, 3, 1, 2, 4]); // [B, P, N, w, K]
  const queries = (x: Tensor): Tensor =>
    mergeShared(permute(reshape(filled(x), [B, N, w, P, S, x.shape[3]!]), [0, 3, 1, 4, 2, 5])); // [B, P, N, S · w, K]
  const back = (o: Tensor): Tensor =>
    reshape(permute(splitShared(o, S), [0, 2, 4, 1, 3, 5]), [B, N * w, H, o.shape.at(-1)!]);
  const values = keys(v);
  let local: Tensor | undefined;
  if (parts !== 'global') {
    const distance = sub(expandDims(iota([w]), 1), expandDims(iota([w]), 0)); // of key j before query i, [w, w]
    const scores = splitShared(matmul(queries(q), transpose(keys(k))), S); // [B, P, N, S, w, w]
    const weights = where(greaterEqual(distance, 0), weigh(bias ? add(scores, gather(bias, distance)) : scores), 0);
    local = back(matmul(mergeShared(weights), values));
  }
  const written = parts === 'local' ? undefined : matmul(transpose(keys(linearK)), values); // Kᵀ V of each group, [B, P, N, K, V]
  let global: Tensor | undefined;
  if (written) {
    const before = cumsum(written, 2, { exclusive: true });
    global = back(matmul(queries(linearQ), A ? add(before, expandDims(A, 2)) : before));
  }
  return {
    local,
    global,
    memoryAfter(closed) {
      const isClosed = less(iota([1, 1, N, 1, 1], 2), reshape(closed, [B, 1, 1, 1, 1]));
      return add(A!, sum(where(isClosed, written!, 0), { axis: 2 }));
    },
  };
}
