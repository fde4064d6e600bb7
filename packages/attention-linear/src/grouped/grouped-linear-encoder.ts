import { headSizes, projectOutput } from '@tessera/head-projections';
import { causalConvolution, l2Normalize } from '@tessera/ops';
import type { Call, MixerFactory } from '@tessera/plugin';
import { defineMixer, entriesOf, fields, int, refuseSegments, zeroInvalid } from '@tessera/plugin';
import type { Tensor } from '@tessera/tensor-core';
import { add, concat, matmul, pad, permute, reshape, slice, transpose, where, zeros } from '@tessera/tensor-core';
import { checked } from '../layer/checked.ts';
import { repeatHeads } from '../layer/repeat-heads.ts';
import { fromHeads, keysByHead, mergeShared, queriesByHead, splitShared } from './by-heads.ts';
import { contradiction, groupedFields, groupedParams, unitQueryKeyValue } from './grouped-linear-attention.ts';
import type { GroupedAttentionConfig, GroupedLinearAttentionParams } from './grouped-linear-attention.ts';
import { headwiseTaps, tapsOfChannels } from './headwise-taps.ts';
import { mixParts } from './mix-parts.ts';
import { weighOf } from './weigh-scores.ts';

/** Settings of {@link groupedLinearEncoder}. */
export interface GroupedLinearEncoderConfig extends GroupedAttentionConfig {
  /** Taps of the convolution over values, as many before a token as after it: an odd number, or 0 for none. @defaultValue 63 */
  readonly convolution?: number;
}

const name = '@tessera/attention-linear:grouped-linear-encoder';

/** Σ_{γ(s) = γ(t)} p(q_t · k_s) v_s, before and after t. `q [B, n, H, K]`, `valid [B, n]`. */
function ownGroups(q: Tensor, k: Tensor, v: Tensor, valid: Tensor, w: number, weigh: (x: Tensor) => Tensor): Tensor {
  const [B, n, P] = v.shape as [number, number, number];
  const H = q.shape[2]!;
  const N = Math.ceil(n / w);
  const filled = (x: Tensor): Tensor => (N * w === n ? x : pad(x, 1, 0, N * w - n));
  const keys = (x: Tensor): Tensor => permute(reshape(filled(x), [B, N, w, P, x.shape[3]!]), [0, 3, 1, 2, 4]);
  const queries = permute(reshape(filled(q), [B, N, w, P, H / P, q.shape[3]!]), [0, 3, 1, 4, 2, 5]);
  const scores = splitShared(matmul(mergeShared(queries), transpose(keys(k))), H / P); // [B, P, N, H / P, w, w]
  const seen = reshape(N * w === n ? valid : concat([valid, zeros([B, N * w - n], 'bool')], 1), [B, 1, N, 1, 1, w]);
  const o = splitShared(matmul(mergeShared(where(seen, weigh(scores), 0)), keys(v)), H / P);
  return slice(reshape(permute(o, [0, 2, 4, 1, 3, 5]), [B, N * w, H, v.shape[3]!]), 1, 0, n);
}

/** q_t Σ_s k_sᵀ v_s over all s. */
function readAll(q: Tensor, k: Tensor, v: Tensor): Tensor {
  const byHead = queriesByHead(q, k.shape[2]!);
  const A = matmul(transpose(keysByHead(k)), keysByHead(v)); // [B, P, K, V]
  return fromHeads(splitShared(matmul(mergeShared(byHead), A), byHead.shape[2]!));
}

function run(call: Call<GroupedLinearEncoderConfig, GroupedLinearAttentionParams>): Tensor {
  refuseSegments(name, call);
  const { params, config } = call;
  const n = call.x.shape[1]!;
  const entries = entriesOf(call, n, name);
  const { valid } = entries;
  const projected = unitQueryKeyValue({
    params,
    config,
    x: entries.align(call.x),
    positions: entries.align(call.positions),
  });
  const { q } = projected;
  const k = zeroInvalid(projected.k, valid);
  const raw = zeroInvalid(projected.v, valid);
  const v = config.normValues ? l2Normalize(raw) : raw;
  const shared = repeatHeads(raw, config.heads);
  const made = {
    local: config.parts === 'global' ? undefined : ownGroups(q, k, v, valid, config.group, weighOf(config)),
    global: config.parts === 'local' ? undefined : readAll(q, k, v),
  };
  const o = mixParts(made, shared, config, params);
  return entries.restore(projectOutput(params, params.conv ? add(o, convolveBothWays(shared, params.conv)) : o));
}

/** Σ_j ω_j v_{t + j − ⌊L/2⌋}: as many values behind an entry as before it. `v [B, n, H, d]`, `weight [H, L]`. */
function convolveBothWays(v: Tensor, weight: Tensor): Tensor {
  const [B, n, H, d] = v.shape as [number, number, number, number];
  const L = weight.shape[1]!;
  const ahead = Math.floor(L / 2);
  const x = pad(reshape(v, [B, n, H * d]), 1, 0, ahead);
  const y = causalConvolution(x, tapsOfChannels(weight, d), zeros([B, L - 1, H * d]));
  return reshape(slice(y, 1, ahead, ahead + n), v.shape);
}

/**
 * Grouped linear attention in both directions, for encoders: weights inside each group, a memory of all groups, and a convolution
 * that reaches ahead as far as back. It looks at the whole sequence and so has no decoding.
 * @see You et al. 2024, arXiv:2406.07368 (its experiments with encoders)
 */
export const groupedLinearEncoder: MixerFactory<
  GroupedLinearEncoderConfig,
  GroupedLinearAttentionParams,
  Record<never, never>
> = defineMixer<GroupedLinearEncoderConfig, GroupedLinearAttentionParams, Record<never, never>>({
  contract: 'sequence-mixer/1',
  name,
  config: checked(
    fields<GroupedLinearEncoderConfig>({ ...groupedFields, convolution: int({ min: 0, default: 63 }) }),
    (config) =>
      contradiction(config) ??
      (config.convolution % 2 === 0 && config.convolution > 0
        ? {
            setting: 'convolution',
            message: `is ${config.convolution}, expected an odd number of taps, as many ahead as back; set ${config.convolution + 1}`,
          }
        : undefined),
  ),
  params(site) {
    headSizes(site.config, site.dModel);
    const { heads, convolution } = site.config;
    return { ...groupedParams(site), ...(convolution > 0 && { conv: headwiseTaps(heads, convolution) }) };
  },
  forward: (call) => ({ y: run(call) }),
});
