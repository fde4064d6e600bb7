import { linear } from '@tessera/ops';
import type { Entries } from '@tessera/plugin';
import { zeroInvalid } from '@tessera/plugin';
import { add, and, greaterEqual, mul, reshape, sub, zeros } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import { depths, entriesBefore, lastEntries, sameDocument } from '../keys/entries-before.ts';
import { headDimOf } from '../keys/key-config.ts';
import { scaleHeads, tapped, unit, unitKeys } from '../keys/memory-keys.ts';
import { inputsBefore, mixesValues } from './contextual-config.ts';
import type { ContextualMemoryConfig, ContextualMemoryParams } from './contextual-config.ts';

/** What pairs that are still to be made wait for: the last entries, oldest first. s is `lookAhead`. */
export interface Pending {
  /** k̄ of the last entry, `[B, H, 1, d]`. */
  readonly average: Tensor;
  /** Keys whose values are not known yet, `[B, s, H, d]`; absent without look-ahead. */
  readonly keys?: Tensor;
  /** What those values will have of their own entries, `[B, s, H, d]`; absent with `valueTaps` and without look-ahead. */
  readonly values?: Tensor;
  /** Inputs that maps of several taps read again, `[B, J, D]`; absent where there is none. */
  readonly inputs?: Tensor;
}

/** Shapes of {@link Pending} without the batch. */
export function pendingShapes(
  config: Required<ContextualMemoryConfig>,
  dModel: number,
): { readonly [K in keyof Pending]: readonly number[] } {
  const { heads: H, lookAhead: s } = config;
  const d = headDimOf(config, dModel);
  const J = inputsBefore(config);
  return {
    average: [H, 1, d],
    ...(s > 0 && { keys: [s, H, d] }),
    ...(s > 0 && mixesValues(config) && { values: [s, H, d] }),
    ...(J > 0 && { inputs: [J, dModel] }),
  };
}

/** Before the first entry. */
export function nothingPending(config: Required<ContextualMemoryConfig>, dModel: number, batch: number): Pending {
  return Object.fromEntries(
    Object.entries(pendingShapes(config, dModel)).map(([key, shape]) => [key, zeros([batch, ...shape])]),
  ) as unknown as Pending;
}

/** What the entries of a call retrieve with, and the pairs that they complete. */
export interface Pairs {
  /** k_t, with which entry t reads, `[B, n, H, d]`. */
  readonly keys: Tensor;
  /** Key of the pair that entry t completes: k_{t − s}, `[B, n, H, d]`. */
  readonly pairKeys: Tensor;
  /** Value of that pair, `[B, n, H, d]`. */
  readonly pairValues: Tensor;
  /** False where an entry completes no pair, since fewer than s came before it, or does not count: `[1 or B, n]`. */
  readonly complete: Tensor;
  /** After the last entry that counts; after a tree k̄ is that before it. */
  readonly pending: Pending;
}

/** What pairs are made of. */
export interface PairsCall {
  readonly params: ContextualMemoryParams;
  readonly config: Required<ContextualMemoryConfig>;
  /** `[B, n, D]`, aligned. */
  readonly x: Tensor;
  readonly pending: Pending;
  /** Entries before those of the call, `[B, 1]`, i32, or their number. */
  readonly before: Tensor | number;
  readonly entries: Entries;
}

/**
 * Keys and pairs of the entries of a call. A pair belongs to the entry that completes it, s entries after its key, since its value
 * depends on that entry: of two siblings in a tree each completes the pair of their parent with a value of its own.
 *
 * k_t = e^κ n(k̄_t); v_{t−s} = e^ν n((1 − c) p_t + c p_{t−s}), p_t = x_t W_ψ
 */
export function makePairs({ params, config, x, pending, before, entries }: PairsCall): Pairs {
  const { lookAhead: s, maxKeyScale: limit } = config;
  const { inputs } = pending;
  const made = unitKeys({ params, config, x, inputs, average: pending.average, entries });
  const keys = scaleHeads(made.keys, params.key_scale, { limit });
  const values = makeValues({ params, config, x, pending, entries });
  const whole = greaterEqual(add(depths(entries), before), s);
  const same = sameDocument(entries, s);
  const complete = and(entries.valid, same ? and(whole, same) : whole);
  return {
    keys,
    pairKeys: s === 0 ? keys : zeroInvalid(entriesBefore(keys, pending.keys!, s, entries), complete),
    pairValues: scaleHeads(unit(values.w, config), params.value_scale),
    complete,
    pending: {
      average: made.average,
      ...(pending.keys && { keys: lastEntries(keys, pending.keys, entries) }),
      ...(pending.values && { values: lastEntries(values.p, pending.values, entries) }),
      ...(inputs && { inputs: lastEntries(x, inputs, entries) }),
    },
  };
}

/** Values before they are normalised, `w [B, n, H, d]`, and what those of later entries need of each, `p`. */
function makeValues(call: Omit<PairsCall, 'before'>): { w: Tensor; p: Tensor } {
  const { params, config, x, pending, entries } = call;
  const [B, n, D] = x.shape as [number, number, number];
  const byHead = (y: Tensor): Tensor => reshape(y, [B, n, config.heads, headDimOf(config, D)]);
  if (!params.peek) {
    const w = byHead(tapped({ x, inputs: pending.inputs, entries }, params.v_proj, params.v_bias));
    return { w, p: w };
  }
  const p = byHead(linear(x, params.v_proj, params.v_bias));
  const c = reshape(params.peek, [1, 1, config.heads, 1]);
  const own = pending.values ? entriesBefore(p, pending.values, config.lookAhead, entries) : p;
  return { w: add(mul(sub(1, c), p), mul(c, own)), p };
}
