import { activations, linear, maskedSoftmax } from '@tessera/ops';
import type { Call, MixerFactory } from '@tessera/plugin';
import { bool, defineMixer, entriesOf, fields, int, oneOf, refuseSegments, zeroInvalid } from '@tessera/plugin';
import type { Tensor } from '@tessera/tensor-core';
import {
  add,
  and,
  at,
  cast,
  div,
  equal,
  expandDims,
  fromHost,
  gather,
  greaterEqual,
  iota,
  lessEqual,
  matmul,
  maximum,
  mul,
  reshape,
  sub,
  transpose,
  where,
  zeros,
} from '@tessera/tensor-core';
import type { GroupedParts } from '../grouped/grouped-call.ts';
import { tapsOfChannels } from '../grouped/headwise-taps.ts';
import { castled } from '../grouped/mix-parts.ts';
import type { SettingIssue } from '../layer/checked.ts';
import { checked, unread } from '../layer/checked.ts';
import { convolve } from '../layer/convolve-streams.ts';
import { historyRows } from '../layer/tap-parameters.ts';
import type { GatedAttentionUnitParams, UnitConfig, UnitSettings } from './gated-attention-unit.ts';
import { projectUnit, shiftTokens, unitFields, unitParams } from './gated-attention-unit.ts';
import { bucketOf, checkBuckets } from './relative-buckets.ts';
import type { RelativeBuckets } from './relative-buckets.ts';

/** Settings of {@link wholeGatedAttentionUnit}. */
export interface WholeGatedAttentionUnitConfig extends UnitSettings {
  /** What is divided by the length of the whole sequence: a softmax's scores, those of `weights`, or the memory of all groups. */
  readonly form: 'softmax' | 'square' | 'grouped';
  /** Later entries are not seen; `grouped` sees all. @defaultValue false */
  readonly causal?: boolean;
  /** w, entries of a group. @defaultValue 256 */
  readonly group?: number;
  /** Of `grouped`: the own group, the memory, or both. @defaultValue 'both' */
  readonly parts?: GroupedParts;
  /** Of `grouped`: one memory of all groups; else each reads that of its own. @defaultValue true */
  readonly oneMemory?: boolean;
}

type Unit = UnitConfig & Required<Omit<WholeGatedAttentionUnitConfig, keyof UnitSettings>>;

const name = '@tessera/attention-linear:whole-gated-attention-unit';

/** Bias of each pair of entries, `[n, n]`. */
function biasOfPairs(weight: Tensor, n: number, { relative, keyDim, causal, form }: Unit): Tensor {
  const bothWays = form === 'grouped' || !causal;
  const buckets = Int32Array.from({ length: 2 * n }, (_, i) => bucketOf(i - n, relative, bothWays));
  const byDistance = reshape(gather(weight, fromHost(buckets, [2 * n])), [2 * n]); // distance −n first
  const distance = sub(expandDims(iota([n]), 1), expandDims(iota([n]), 0));
  return mul(gather(byDistance, add(distance, n)), keyDim ** 0.5);
}

function run(call: Call<WholeGatedAttentionUnitConfig, GatedAttentionUnitParams>): Tensor {
  refuseSegments(name, call);
  const { params } = call;
  const config = call.config as unknown as Unit;
  const { valueDim: E, convolution: J, weights, parts, group: w } = config;
  const [B, n, D] = call.x.shape as [number, number, number];
  const entries = entriesOf(call, n, name);
  const given = entries.align(call.x);
  const none = zeros([B, 1, Math.ceil(D / 2)]);
  const x = config.shiftTokens ? shiftTokens(given, none, entries).x : given;
  const { v: values, gate, uses } = projectUnit(x, entries.align(call.positions), params, config);
  const v = zeroInvalid(values, entries.valid);
  const use = (index: number): Tensor => at(uses, 2, index); // [B, n, K]
  const length = reshape(maximum(cast(entries.lengths, 'f32'), 1), [B, 1, 1]);
  const counted = expandDims(entries.valid, 1);
  const pairs = biasOfPairs(params.relative_bias, n, config);
  const weigh = activations[weights];
  const [query, key] = [iota([1, n, n], 1), iota([1, n, n], 2)];
  let o: Tensor;
  if (config.form === 'grouped') {
    const near = and(equal(div(query, w), div(key, w)), counted);
    const scores = add(mul(matmul(use(0), transpose(use(2))), 1 / w), pairs);
    const local = matmul(where(near, weigh(scores), 0), v);
    const global = div(
      config.oneMemory
        ? matmul(use(1), matmul(transpose(use(3)), v))
        : matmul(where(near, matmul(use(1), transpose(use(3))), 0), v),
      length,
    );
    o = parts === 'both' ? add(local, global) : parts === 'local' ? local : global;
    if (config.castling) o = castled(o, v);
    const taps = params.conv && { weight: tapsOfChannels(params.conv, E) };
    if (taps) o = add(o, convolve(v, taps, zeros([B, historyRows(J), E]), entries).y);
  } else {
    const scores = add(div(matmul(use(0), transpose(use(1))), length), pairs);
    const seen = config.causal ? and(lessEqual(key, query), counted) : and(greaterEqual(query, 0), counted);
    const attended =
      config.form === 'softmax' ? maskedSoftmax(scores, seen) : where(seen, weigh(div(scores, length)), 0);
    o = matmul(attended, v);
  }
  return entries.restore(linear(mul(gate, o), params.o_proj, params.o_bias));
}

/**
 * What of the settings the form does not read, but the convolution: checkpoints of the official code hold its taps in every form, and
 * those that do not run it keep them.
 */
function unreadOfForm(config: Required<WholeGatedAttentionUnitConfig>): SettingIssue | undefined {
  const { form, parts } = config;
  const because = `form: '${form}'`;
  const ofGroups = { castling: false, group: 256, parts: 'both', oneMemory: true };
  const relative = config.relative as RelativeBuckets;
  return (
    checkBuckets(relative, form === 'grouped' || !config.causal) ??
    (form === 'grouped' ? unread(config, because, { causal: false }) : unread(config, because, ofGroups)) ??
    (form === 'softmax' ? unread(config, because, { weights: 'relu2' }) : undefined) ??
    (parts === 'global' ? unread(config, "parts: 'global'", { weights: 'relu2' }) : undefined) ??
    (parts === 'local' ? unread(config, "parts: 'local'", { oneMemory: true }) : undefined)
  );
}

/**
 * Gated attention units whose weights are divided by the length of the whole sequence, as the official code has them for its
 * comparisons and for encoders: a softmax, or p over all pairs, or groups that see each other in both directions. What they give
 * depends on how long the text will be, so there is no decoding.
 * @see Hua et al. 2022, arXiv:2202.10447; You et al. 2024, arXiv:2406.07368
 */
export const wholeGatedAttentionUnit: MixerFactory<
  WholeGatedAttentionUnitConfig,
  GatedAttentionUnitParams,
  Record<never, never>
> = defineMixer<WholeGatedAttentionUnitConfig, GatedAttentionUnitParams, Record<never, never>>({
  contract: 'sequence-mixer/1',
  name,
  config: checked(
    fields<WholeGatedAttentionUnitConfig>({
      ...unitFields,
      form: oneOf(['softmax', 'square', 'grouped']),
      causal: bool({ default: false }),
      group: int({ min: 1, default: 256 }),
      parts: oneOf(['both', 'local', 'global'], { default: 'both' }),
      oneMemory: bool({ default: true }),
    }),
    unreadOfForm,
  ),
  params: ({ config, dModel }) => unitParams(config as UnitConfig, dModel, config.form === 'grouped' ? 4 : 2),
  forward: (call) => ({ y: run(call) }),
});
