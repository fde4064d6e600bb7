import { perEntry } from '@tessera/plugin';
import type { Tensor } from '@tessera/tensor-core';
import {
  add,
  and,
  broadcastTo,
  cast,
  concat,
  div,
  equal,
  expandDims,
  gather,
  greater,
  greaterEqual,
  iota,
  less,
  matmul,
  mul,
  scatterSet,
  sub,
  transpose,
  where,
  zeros,
} from '@tessera/tensor-core';
import { fromHeads, keysByHead, mergeShared, queriesByHead, splitShared } from './by-heads.ts';
import type { GroupedCall, GroupedResult, GroupedState } from './grouped-call.ts';
import type { AfterCall, GoesOn } from './group-places.ts';
import { goesOnOf, placesOf } from './group-places.ts';

/**
 * Grouped attention entry by entry, each against the open group and the entries of the call, whatever their order is: a chain, a
 * tree, packed documents. An entry of the own group weighs p(q · k), one of an earlier group q · k, so a path may cross groups
 * inside the call. The work grows with the square of the entries: for steps, drafts and packed rows.
 */
export function byPairs({ operands, rule, entries, state }: GroupedCall): GroupedResult {
  const { q, k, v, linearQ = q, linearK = k } = operands;
  const { group: w, parts } = rule;
  const [B, n, P] = k.shape as [number, number, number, number];
  const phase = state ? cast(state.phase, 'i32') : zeros([B], 'i32');
  const goesOn = goesOnOf(entries);
  const { place, sees, after } = placesOf(entries, phase, goesOn);

  // The open group, then the entries: [B, n, m] with m = w + n.
  const open = openSlots(phase, w); // [B, w]
  const openSeen = goesOn ? and(expandDims(goesOn.entry, 2), expandDims(open, 1)) : expandDims(open, 1);
  const visible = state ? concat([broadcastTo(openSeen, [B, n, w]), sees], 2) : sees;
  const slot = broadcastTo(iota([1, w], 1), [B, w]);
  const keyPlace = expandDims(state ? concat([slot, place], 1) : place, 1);
  const queryPlace = expandDims(place, 2);
  const [queryGroup, keyGroup] = [div(queryPlace, w), div(keyPlace, w)];
  const joined = (kept: Tensor | undefined, own: Tensor): Tensor => keysByHead(kept ? concat([kept, own], 1) : own);
  const values = joined(state?.v, v); // [B, P, m, V]

  /** Σ_j weight_ij v_j of the pairs in `among`. */
  const weighed = (queries: Tensor, keys: Tensor, among: Tensor, weigh: (score: Tensor) => Tensor): Tensor => {
    const byHead = queriesByHead(queries, P); // [B, P, S, n, K]
    const S = byHead.shape[2]!;
    const scores = splitShared(matmul(mergeShared(byHead), transpose(keys)), S); // [B, P, S, n, m]
    const weights = where(expandDims(expandDims(among, 1), 1), weigh(scores), 0);
    return fromHeads(splitShared(matmul(mergeShared(weights), values), S));
  };

  let local: Tensor | undefined;
  if (parts !== 'global') {
    const { bias } = rule;
    const distance = bias && expandDims(expandDims(gather(bias, sub(queryPlace, keyPlace)), 1), 1);
    const scored = (score: Tensor): Tensor => rule.weigh(distance ? add(score, distance) : score);
    local = weighed(q, joined(state?.k, k), and(visible, equal(queryGroup, keyGroup)), scored);
  }
  let global: Tensor | undefined;
  if (parts !== 'local') {
    const earlier = and(visible, greater(queryGroup, keyGroup));
    global = weighed(linearQ, joined(state?.linear_k ?? state?.k, linearK), earlier, (score) => score);
    if (state?.A) {
      const read = readMemory(linearQ, state.A);
      global = add(global, goesOn ? where(perEntry(goesOn.entry, read), read, 0) : read);
    }
  }
  const next = state && (after ? stateAfter(state, { operands, w, place, open, after, goesOn }) : state);
  return { local, global, state: next };
}

/** q_t A, `[B, n, H, V]`. */
export function readMemory(q: Tensor, A: Tensor): Tensor {
  const byHead = queriesByHead(q, A.shape[1]!);
  return fromHeads(splitShared(matmul(mergeShared(byHead), A), byHead.shape[2]!));
}

function openSlots(phase: Tensor, w: number): Tensor {
  return less(iota([1, w], 1), expandDims(phase, 1));
}

interface Update {
  readonly operands: GroupedCall['operands'];
  readonly w: number;
  readonly place: Tensor;
  readonly open: Tensor;
  readonly after: AfterCall;
  readonly goesOn: GoesOn | undefined;
}

/** Complete groups are folded into A and their slots are free again; the rest stays open. */
function stateAfter(state: GroupedState, { operands, w, place, open, after, goesOn }: Update): GroupedState {
  const { k, v, linearK = k } = operands;
  const closed = mul(div(after.total, w), w); // entries of complete groups, [B]
  const stays = expandDims(closed, 1);
  const isClosed = and(after.kept, less(place, stays));
  const slots = where(and(after.kept, greaterEqual(place, stays)), sub(place, stays), -1);
  const put = (kept: Tensor, own: Tensor): Tensor => scatterSet(kept, slots, own, { batchDims: 1 });
  let { A } = state;
  if (A) {
    // All of the open group is closed, or none of it.
    const folds = and(open, greater(stays, 0));
    const openFolds = goesOn ? and(folds, expandDims(goesOn.row, 1)) : folds;
    const old = goesOn ? where(perEntry(goesOn.row, A), A, 0) : A;
    const keys = concat([state.linear_k ?? state.k!, linearK], 1);
    const written = where(perEntry(concat([openFolds, isClosed], 1), keys), keys, 0);
    A = add(old, matmul(transpose(keysByHead(written)), keysByHead(concat([state.v, v], 1))));
  }
  return {
    ...(A && { A }),
    ...(state.k && { k: put(state.k, k) }),
    ...(state.linear_k && { linear_k: put(state.linear_k, linearK) }),
    v: put(state.v, v),
    phase: cast(sub(after.total, closed), 'f32'),
  };
}
