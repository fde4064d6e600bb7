import type { HeadParams, HeadsConfig } from '@tessera/head-projections';
import { headFields, headParams, headSizes, projectOutput, projectQueryKeyValue } from '@tessera/head-projections';
import { l2Normalize } from '@tessera/ops';
import type { Field, MixerFactory } from '@tessera/plugin';
import { bool, constant, fields, int, number, oneOf } from '@tessera/plugin';
import type { Tensor } from '@tessera/tensor-core';
import { add, reshape, zeros } from '@tessera/tensor-core';
import { checked, unread } from '../layer/checked.ts';
import type { SettingIssue } from '../layer/checked.ts';
import { convolve } from '../layer/convolve-streams.ts';
import { repeatHeads } from '../layer/repeat-heads.ts';
import type { RecurrentCall } from '../layer/recurrent-mixer.ts';
import { historyRows } from '../layer/tap-parameters.ts';
import { freshMixer } from './fresh-forward.ts';
import { groupedAttention } from './grouped-attention.ts';
import type { GroupedParts, GroupedState } from './grouped-call.ts';
import { headwiseTaps, tapsOfChannels } from './headwise-taps.ts';
import { mixParts } from './mix-parts.ts';
import type { FactorParams, MixConfig } from './mix-parts.ts';
import type { GroupWeights } from './weigh-scores.ts';
import { groupWeightNames, weighOf } from './weigh-scores.ts';

/** Settings that grouped linear attention has in all of its forms. */
export interface GroupedAttentionConfig extends HeadsConfig, MixConfig {
  /** w, entries of a group. @defaultValue 64 */
  readonly group?: number;
  /** Which parts there are: the own group, the groups before, or both. @defaultValue 'both' */
  readonly parts?: GroupedParts;
  /** p: what makes a dot product inside the group a weight. @defaultValue 'relu2' */
  readonly weights?: GroupWeights;
  /** Hyperplanes of a hash, for weights of `'collisions'`. @defaultValue 8 */
  readonly hashBits?: number;
  /** Values are divided by their length, too. @defaultValue false */
  readonly normValues?: boolean;
}

/** Settings of {@link groupedLinearAttention}. */
export interface GroupedLinearAttentionConfig extends GroupedAttentionConfig {
  /** J, taps of the convolution over values, the current one's included; 0: none. @defaultValue 32 */
  readonly convolution?: number;
}

/** Learned tensors of grouped linear attention. H heads, G key and value heads of d elements. */
export interface GroupedLinearAttentionParams extends HeadParams, FactorParams {
  /** `[H, J]`, the current entry's tap last. */
  readonly conv?: Tensor;
}

/** State of {@link groupedLinearAttention}: constant in the number of positions. */
export interface GroupedLinearAttentionState extends GroupedState {
  /** The last J − 1 values, `[B, J − 1, H · d]`. */
  readonly conv?: Tensor;
}

/** Fields of {@link GroupedAttentionConfig}. */
export const groupedFields: { readonly [K in keyof GroupedAttentionConfig]-?: Field<GroupedAttentionConfig[K]> } = {
  ...headFields,
  group: int({ min: 1, default: 64 }),
  parts: oneOf(['both', 'local', 'global'], { default: 'both' }),
  weights: oneOf(groupWeightNames, { default: 'relu2' }),
  hashBits: int({ min: 1, max: 64, default: 8 }),
  normValues: bool({ default: false }),
  localFactor: number({ default: 1 }),
  globalFactor: number({ default: 1 }),
  learnedFactors: oneOf(['none', 'local', 'global', 'both'], { default: 'none' }),
  factorsOf: oneOf(['layer', 'head'], { default: 'layer' }),
  normGlobal: bool({ default: false }),
  normTogether: oneOf(['none', 'head', 'all'], { default: 'none' }),
  normEps: number({ min: 0, default: 1e-5 }),
  castling: bool({ default: false }),
};

/** What the settings contradict each other in. */
export function contradiction(config: Required<GroupedAttentionConfig>): SettingIssue | undefined {
  const { parts, learnedFactors, normGlobal } = config;
  if (parts === 'local' && normGlobal)
    return { setting: 'normGlobal', message: `is true, and with parts: 'local' nothing is global; leave it out or set parts: 'both'` }; // prettier-ignore
  const missing = parts === 'local' ? 'global' : parts === 'global' ? 'local' : undefined;
  if (missing !== undefined && (learnedFactors === missing || learnedFactors === 'both'))
    return {
      setting: 'learnedFactors',
      message: `is '${learnedFactors}', and with parts: '${parts}' there is no ${missing} part; set '${parts}' or 'none'`,
    };
  const learns = learnedFactors !== 'none';
  const norms = normGlobal || config.normTogether !== 'none';
  return (
    (parts === 'local' ? unread(config, "parts: 'local'", { globalFactor: 1 }) : undefined) ??
    (parts === 'global' ? unread(config, "parts: 'global'", { localFactor: 1, weights: 'relu2' }) : undefined) ??
    (config.weights === 'collisions' ? undefined : unread(config, `weights: '${config.weights}'`, { hashBits: 8 })) ??
    (learns ? undefined : unread(config, "learnedFactors: 'none'", { factorsOf: 'layer' })) ??
    (norms ? undefined : unread(config, 'no norm of the parts', { normEps: 1e-5 }))
  );
}

/** Learned tensors that all forms have. */
export function groupedParams(site: {
  readonly config: Required<GroupedAttentionConfig>;
  readonly dModel: number;
}): ReturnType<typeof headParams> & { readonly [K in keyof FactorParams]: ReturnType<typeof headwiseTaps> } {
  const { config } = site;
  const factor = (value: number): ReturnType<typeof headwiseTaps> => ({
    shape: [config.factorsOf === 'head' ? config.heads : 1],
    init: constant(value),
  });
  const learned = (part: 'local' | 'global'): boolean =>
    config.learnedFactors === part || config.learnedFactors === 'both';
  return {
    ...headParams(site),
    ...(learned('local') && { local_factor: factor(config.localFactor) }),
    ...(learned('global') && { global_factor: factor(config.globalFactor) }),
  };
}

/** Queries and keys of length 1, and values. */
export function unitQueryKeyValue(call: Parameters<typeof projectQueryKeyValue>[0]): Record<'q' | 'k' | 'v', Tensor> {
  const { q, k, v } = projectQueryKeyValue(call);
  return { q: l2Normalize(q), k: l2Normalize(k), v };
}

function run(
  { params, config, x, positions, entries }: RecurrentCall<GroupedLinearAttentionConfig, GroupedLinearAttentionParams>,
  state: GroupedLinearAttentionState | undefined,
): { y: Tensor; state: GroupedLinearAttentionState | undefined } {
  const { q, k, v } = unitQueryKeyValue({ params, config, x, positions });
  const made = groupedAttention({
    operands: { q, k, v: config.normValues ? l2Normalize(v) : v },
    rule: { group: config.group, weigh: weighOf(config), parts: config.parts },
    entries,
    state,
  });
  const shared = repeatHeads(v, config.heads);
  const o = mixParts(made, shared, config, params);
  if (!params.conv) return { y: projectOutput(params, o), state: made.state };
  const [B, n, H, d] = o.shape as [number, number, number, number];
  const J = params.conv.shape[1]!;
  const convolved = convolve(
    reshape(shared, [B, n, H * d]),
    { weight: tapsOfChannels(params.conv, d) },
    state?.conv ?? zeros([B, J - 1, H * d]),
    entries,
  );
  return {
    y: projectOutput(params, add(o, reshape(convolved.y, o.shape))),
    state: made.state && { ...made.state, conv: convolved.history },
  };
}

/**
 * Grouped linear attention with a masked depthwise convolution of the values: weights without a softmax inside a group of w
 * entries, a linear memory A of all groups before, and a causal convolution that gives back what is near across their border.
 *
 * o_t = α_l Σ_{s ≤ t, γ(s) = γ(t)} relu(q_t · k_s)² v_s + α_g q_t A_{γ(t)} + Σ_j ω_j v_{t−j}, γ(t) = ⌊t / w⌋,
 * A_i = Σ_{γ(s) < i} k_sᵀ v_s, with q and k of length 1 after the rotary positions.
 *
 * The memory has no own group in it, so nothing of the future reaches an output. The state is A, the open group, and J − 1 values.
 * @see You et al. 2024, arXiv:2406.07368, sections 3 and 4
 */
export const groupedLinearAttention: MixerFactory<
  GroupedLinearAttentionConfig,
  GroupedLinearAttentionParams,
  GroupedLinearAttentionState
> = freshMixer<GroupedLinearAttentionConfig, GroupedLinearAttentionParams, GroupedLinearAttentionState>({
  name: '@tessera/attention-linear:grouped-linear-attention',
  config: checked(
    fields<GroupedLinearAttentionConfig>({ ...groupedFields, convolution: int({ min: 0, default: 32 }) }),
    contradiction,
  ),
  params: (site) => ({
    ...groupedParams(site),
    ...(site.config.convolution > 0 && { conv: headwiseTaps(site.config.heads, site.config.convolution) }),
  }),
  state({ config, dModel }) {
    const { heads, kvHeads, headDim } = headSizes(config, dModel);
    const open = [config.group, kvHeads, headDim];
    return {
      ...(config.parts !== 'local' && { A: [kvHeads, headDim, headDim] }),
      k: open,
      v: open,
      phase: [],
      ...(config.convolution > 0 && { conv: [historyRows(config.convolution), heads * headDim] }),
    };
  },
  run,
});
