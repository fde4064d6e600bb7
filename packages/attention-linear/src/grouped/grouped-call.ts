import type { Tensor } from '@tessera/tensor-core';
import type { Entries } from '@tessera/plugin';

/** What queries, keys and values of grouped attention are; entries aligned. P heads of keys, each shared by H / P of queries. */
export interface GroupedOperands {
  /** `[B, n, H, K]`: what meets the keys of the own group. */
  readonly q: Tensor;
  /** `[B, n, P, K]` */
  readonly k: Tensor;
  /** `[B, n, P, V]` */
  readonly v: Tensor;
  /** `[B, n, H, K]`: what reads the earlier groups. Absent: `q`. */
  readonly linearQ?: Tensor | undefined;
  /** `[B, n, P, K]`: what earlier groups are written by. Absent: `k`. */
  readonly linearK?: Tensor | undefined;
}

/** How they meet. */
export interface GroupedRule {
  /** w, entries of a group. */
  readonly group: number;
  /** p: a score of the own group to a weight, element by element. */
  readonly weigh: (score: Tensor) => Tensor;
  /** Added to the scores of the own group by distance, `[w]`. */
  readonly bias?: Tensor | undefined;
  /** Which parts are computed; one of them at least. */
  readonly parts: GroupedParts;
}

/** The own group alone, what is before it alone, or both. */
export type GroupedParts = 'local' | 'global' | 'both';

/** What grouped attention remembers, all f32: constant in the number of entries. */
export interface GroupedState {
  /** Σ kᵀ v of the groups that are complete, `[B, P, K, V]`. Absent where nothing reads it. */
  readonly A?: Tensor;
  /** Keys of the group that is open, `[B, w, P, K]`: slot i holds its entry i. */
  readonly k?: Tensor;
  /** Keys of the open group that are written with, where those are others. */
  readonly linear_k?: Tensor;
  /** Values of the open group, `[B, w, P, V]`. */
  readonly v: Tensor;
  /** Entries of the open group, `[B]`: from 0 up to w − 1. */
  readonly phase: Tensor;
}

/** What grouped attention gives. */
export interface GroupedResult {
  /** Σ p(q_t · k_s) v_s over the own group up to t, `[B, n, H, V]`. */
  readonly local: Tensor | undefined;
  /** q_t A of all groups before, `[B, n, H, V]`. */
  readonly global: Tensor | undefined;
  /** Undefined where none was given. Of a tree it is as it was: what follows is a commit. */
  readonly state: GroupedState | undefined;
}

/** One call over aligned entries; without a state they are the first. */
export interface GroupedCall {
  readonly operands: GroupedOperands;
  readonly rule: GroupedRule;
  readonly entries: Entries;
  readonly state?: GroupedState | undefined;
}
