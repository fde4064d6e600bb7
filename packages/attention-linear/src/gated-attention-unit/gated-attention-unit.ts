import { anglesOf, checkRotary, rotaryConfig } from '@tessera/head-projections';
import type { RotaryConfig } from '@tessera/head-projections';
import type { ActivationName } from '@tessera/ops';
import { activationNames, activations, linear, rotary, silu } from '@tessera/ops';
import type { Entries, Field, MixerFactory, ParamSpec } from '@tessera/plugin';
import { bias, bool, constant, fields, int, linearWeight, normal, oneOf, optional } from '@tessera/plugin';
import type { Tensor } from '@tessera/tensor-core';
import { add, at, concat, expandDims, fromHost, mul, reshape, slice, split, zeros } from '@tessera/tensor-core';
import { freshMixer } from '../grouped/fresh-forward.ts';
import { groupedAttention } from '../grouped/grouped-attention.ts';
import type { GroupedParts, GroupedState } from '../grouped/grouped-call.ts';
import { headwiseTaps, tapsOfChannels } from '../grouped/headwise-taps.ts';
import { castled } from '../grouped/mix-parts.ts';
import { checked, unread } from '../layer/checked.ts';
import { convolve } from '../layer/convolve-streams.ts';
import type { RecurrentCall } from '../layer/recurrent-mixer.ts';
import { historyRows } from '../layer/tap-parameters.ts';
import { biasByDistance, checkBuckets } from './relative-buckets.ts';
import type { RelativeBuckets } from './relative-buckets.ts';

/** Settings of {@link gatedAttentionUnit}. */
export interface GatedAttentionUnitConfig {
  /** K, elements of a query or key. */
  readonly keyDim: number;
  /** E, elements of a value and of the gate. */
  readonly valueDim: number;
  /** w, entries of a group. @defaultValue 256 */
  readonly group?: number;
  /** Which parts there are: the own group, the groups before, or both. @defaultValue 'both' */
  readonly parts?: GroupedParts;
  /** p: what makes a score inside the group a weight. @defaultValue 'relu2' */
  readonly weights?: ActivationName;
  /** J, taps of the convolution over values, the current one's included; 0: none. @defaultValue 0 */
  readonly convolution?: number;
  /** The first half of what is read comes from the entry before. @defaultValue false */
  readonly shiftTokens?: boolean;
  /** @defaultValue none */
  readonly rotary?: RotaryConfig;
  /** Biases by distance. @defaultValue 32 buckets up to a distance of 128 */
  readonly relative?: Partial<RelativeBuckets>;
  /** The sum o of the parts becomes ½ v + o / π, divided by its length. @defaultValue false */
  readonly castling?: boolean;
}

/** Learned tensors of {@link gatedAttentionUnit}. */
export interface GatedAttentionUnitParams {
  /** `[2 E, D]`: values, then their gate. */
  readonly hidden_proj: Tensor;
  /** `[2 E]` */
  readonly hidden_bias: Tensor;
  /** `[K, D]`: what queries and keys of both parts are made of. */
  readonly qk_proj: Tensor;
  /** `[K]` */
  readonly qk_bias: Tensor;
  /** `[4, K]`: factors for queries of the own group and of the groups before, then keys of both. */
  readonly gamma: Tensor;
  /** `[4, K]`, added. */
  readonly beta: Tensor;
  /** `[buckets, 1]` */
  readonly relative_bias: Tensor;
  /** `[D, E]` */
  readonly o_proj: Tensor;
  /** `[D]` */
  readonly o_bias: Tensor;
  /** `[1, J]`, the current entry's tap last. */
  readonly conv?: Tensor;
}

/** State of {@link gatedAttentionUnit}: constant in the number of positions. */
export interface GatedAttentionUnitState extends GroupedState {
  /** The last J − 1 values, `[B, J − 1, E]`. */
  readonly conv?: Tensor;
  /** The first half of the last input, `[B, 1, D / 2]`. */
  readonly shift?: Tensor;
}

const published: RelativeBuckets = { buckets: 32, maxDistance: 128 };

/** Settings that units of all forms have. */
export type UnitSettings = Omit<GatedAttentionUnitConfig, 'group' | 'parts'>;

/** Fields that units of all forms have. */
export const unitFields: { readonly [K in keyof UnitSettings]-?: Field<UnitSettings[K]> } = {
  keyDim: int({ min: 1 }),
  valueDim: int({ min: 1 }),
  weights: oneOf(activationNames, { default: 'relu2' }),
  convolution: int({ min: 0, default: 0 }),
  shiftTokens: bool({ default: false }),
  rotary: optional(rotaryConfig) as Field<RotaryConfig | undefined>,
  relative: fields<RelativeBuckets>(
    {
      buckets: int({ min: 2, default: published.buckets }),
      maxDistance: int({ min: 2, default: published.maxDistance }),
    },
    { default: {} },
  ) as Field<Partial<RelativeBuckets>>,
  castling: bool({ default: false }),
};

/** The same as they are read. */
export type UnitConfig = Required<Omit<UnitSettings, 'relative'>> & { readonly relative: RelativeBuckets };

/** Specs of the learned tensors; `uses`: how many queries and keys are made of the shared projection. */
export function unitParams(
  { keyDim: K, valueDim: E, convolution, relative, rotary: turn }: UnitConfig,
  D: number,
  uses: number,
): Record<Exclude<keyof GatedAttentionUnitParams, 'conv'>, ParamSpec> & { readonly conv?: ParamSpec } {
  checkRotary(turn as RotaryConfig | undefined, { setting: 'keyDim', width: K });
  return {
    hidden_proj: linearWeight(2 * E, D),
    hidden_bias: bias(2 * E),
    qk_proj: linearWeight(K, D),
    qk_bias: bias(K),
    gamma: { shape: [uses, K], init: normal(0.02), precise: true },
    beta: { shape: [uses, K], init: constant(0), precise: true },
    relative_bias: { shape: [relative.buckets, 1], init: normal(1), precise: true },
    o_proj: linearWeight(D, E),
    o_bias: bias(D),
    ...(convolution > 0 && { conv: headwiseTaps(1, convolution) }),
  };
}

/** What of an entry is read: all of its own, or the first half of the entry before. */
export function shiftTokens(
  x: Tensor,
  before: Tensor,
  entries: Entries,
): { readonly x: Tensor; readonly shift: Tensor } {
  const D = x.shape[2]!;
  const half = Math.ceil(D / 2);
  // A convolution that takes the entry before and nothing else finds it on every path.
  const weight = fromHost(
    Float32Array.from({ length: 2 * half }, (_, i) => (i % 2 === 0 ? 1 : 0)),
    [half, 2],
  );
  const { y, history } = convolve(slice(x, 2, 0, half), { weight }, before, entries);
  return { x: concat([y, slice(x, 2, half, D)], 2), shift: history };
}

/** Values and gate `[B, n, E]`, and the queries and keys of all uses `[B, n, uses, K]`, rotated. */
export function projectUnit(
  x: Tensor,
  positions: Tensor,
  params: Omit<GatedAttentionUnitParams, 'conv'>,
  config: UnitConfig,
): { readonly v: Tensor; readonly gate: Tensor; readonly uses: Tensor } {
  const { valueDim: E, keyDim: K } = config;
  const [v, gate] = split(silu(linear(x, params.hidden_proj, params.hidden_bias)), 2, [E, E]);
  const shared = silu(linear(x, params.qk_proj, params.qk_bias));
  const uses = add(mul(expandDims(shared, 2), params.gamma), params.beta);
  const turn = config.rotary as Required<RotaryConfig> | undefined;
  return { v: v!, gate: gate!, uses: turn ? rotary(uses, anglesOf(turn, K, positions), turn.order) : uses };
}

function run(
  { params, config, x: given, positions, entries }: RecurrentCall<GatedAttentionUnitConfig, GatedAttentionUnitParams>,
  state: GatedAttentionUnitState | undefined,
): { y: Tensor; state: GatedAttentionUnitState | undefined } {
  const [B, n, D] = given.shape as [number, number, number];
  const { keyDim: K, valueDim: E, group: w, convolution: J } = config;
  const shifted = config.shiftTokens
    ? shiftTokens(given, state?.shift ?? zeros([B, 1, Math.ceil(D / 2)]), entries)
    : { x: given, shift: undefined };
  const unit = config as UnitConfig;
  const { v, gate, uses } = projectUnit(shifted.x, positions, params, unit);
  const use = (index: number): Tensor => expandDims(at(uses, 2, index), 2); // [B, n, 1, K]
  const made = groupedAttention({
    operands: {
      q: mul(use(0), 1 / w),
      linearQ: mul(use(1), 1 / w),
      k: use(2),
      linearK: use(3),
      v: expandDims(v, 2),
    },
    rule: {
      group: w,
      weigh: activations[config.weights],
      parts: config.parts,
      bias: biasByDistance(params.relative_bias, w, unit.relative, K ** 0.5),
    },
    entries,
    state,
  });
  const { local, global } = made;
  const parts = [local, global].filter((part) => part !== undefined).map((part) => reshape(part, [B, n, E]));
  let o = parts.reduce((total, part) => add(total, part));
  if (config.castling) o = castled(o, v);
  const history = state?.conv ?? zeros([B, historyRows(J), E]);
  const convolved = params.conv && convolve(v, { weight: tapsOfChannels(params.conv, E) }, history, entries);
  if (convolved) o = add(o, convolved.y);
  return {
    y: linear(mul(gate, o), params.o_proj, params.o_bias),
    state: made.state && {
      ...made.state,
      ...(convolved && { conv: convolved.history }),
      ...(shifted.shift && { shift: shifted.shift }),
    },
  };
}

/**
 * A gated attention unit over groups (FLASH): one projection of K elements serves the queries and keys of both parts, each with a
 * factor and an offset of its own; scores inside a group have a bias by distance, and both parts are divided by w.
 *
 * o_t = Σ_{s ≤ t, γ(s) = γ(t)} p(q_t · k_s / w + b_{t−s}) v_s + q′_t A_{γ(t)} / w + Σ_j ω_j v_{t−j}, A_i = Σ_{γ(s) < i} k′_sᵀ v_s;
 * y = (u ⊙ o) W_o, where values v and gate u are SiLU(x W_h).
 * @see Hua et al. 2022, arXiv:2202.10447; with the convolution: You et al. 2024, arXiv:2406.07368
 */
export const gatedAttentionUnit: MixerFactory<
  GatedAttentionUnitConfig,
  GatedAttentionUnitParams,
  GatedAttentionUnitState
> = freshMixer<GatedAttentionUnitConfig, GatedAttentionUnitParams, GatedAttentionUnitState>({
  name: '@tessera/attention-linear:gated-attention-unit',
  config: checked(
    fields<GatedAttentionUnitConfig>({
      ...unitFields,
      group: int({ min: 1, default: 256 }),
      parts: oneOf(['both', 'local', 'global'], { default: 'both' }),
    }),
    (config) =>
      checkBuckets(config.relative as RelativeBuckets, false) ??
      (config.parts === 'global' ? unread(config, "parts: 'global'", { weights: 'relu2' }) : undefined),
  ),
  params: ({ config, dModel }) => unitParams(config as UnitConfig, dModel, 4),
  state({ config, dModel: D }) {
    const { keyDim: K, valueDim: E, group: w, parts, convolution: J, shiftTokens: shifts } = config;
    const keys = [w, 1, K];
    return {
      ...(parts !== 'local' && { A: [1, K, E], linear_k: keys }),
      ...(parts !== 'global' && { k: keys }),
      v: [w, 1, E],
      phase: [],
      ...(J > 0 && { conv: [historyRows(J), E] }),
      ...(shifts && { shift: [1, Math.ceil(D / 2)] }),
    };
  },
  run,
});
