import { turnedBack } from '@tessera/head-projections';
import { attention, latentAttention, linear } from '@tessera/ops';
import type { Call, MixerFactory } from '@tessera/plugin';
import { defineMixer, seenPositions, validEntries } from '@tessera/plugin';
import { broadcastTo, concat, equal, expandDims, reshape, slice, where } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import { asWritten, treeMask } from '../cache/cache-views.ts';
import { appendRows, commitRows, emptyRows, growthOf, policyOf, rowCacheBytes } from '../cache/row-cache.ts';
import type { RowCache, RowCacheConfig } from '../cache/row-cache.ts';
import { rotation } from '../latent/project-latents.ts';
import { tiedAttentionConfig, tiedAttentionParams, tiedSizes } from './tied-config.ts';
import type { TiedAttentionConfig, TiedAttentionParams, TiedSizes } from './tied-config.ts';

/**
 * Grouped-tied attention (GTA): one tensor is key and value of a group of heads. Of the key its first part is taken, which never
 * turns; the rest is a rotated key that all heads share.
 *
 * v = x W_KV (all d), k = [v[0 … d − R), k^r], q = [q^n, q^r], o_t = Σ_{s ≤ t} softmax_s(d^−½ · q_t · k_s) v_s
 * @see Zadouri, Strauss and Dao 2025, arXiv:2505.21487.
 */
export const groupedTiedAttention: MixerFactory<TiedAttentionConfig, TiedAttentionParams, RowCache> = defineMixer({
  contract: 'sequence-mixer/1',
  name: '@tessera/attention-latent:grouped-tied-attention',
  config: tiedAttentionConfig,
  params: tiedAttentionParams,
  forward: (call) => ({ y: forward(call) }),
  decoding: {
    trees: true,
    followsPolicy: true,
    memory(site) {
      return {
        growth: growthOf(site.config, site.cache),
        bytes: rowCacheBytes(cacheConfig(site), site),
      };
    },
    init: (site) => emptyRows(cacheConfig(site), site),
    step(call) {
      const { params, config, x, positions, state, parents, starts, lengths } = call;
      const { kvHeads, rotaryDim, scale } = tiedSizes(config, x.shape[2]!);
      const { q, rows } = project(call);
      const policy = policyOf(config, call.cache);
      const { cache, slots } = appendRows(state, policy, { rows, positions, starts, lengths });
      const S = cache.positions.shape[1]!;
      const reading = policy.read?.({ positions, lengths, count: state.count, slots: S, tree: parents !== undefined });
      const o = latentAttention({
        q,
        ...asWritten(cache),
        groups: kvHeads,
        sharedDim: rotaryDim,
        queryPositions: positions,
        keyPositions: reading ? seenPositions(cache.positions, reading) : cache.positions,
        ...(parents && { mask: treeMask(parents, slots, cache.rows.shape[1]!) }),
        scale,
        window: reading ? reading.window : config.window,
        pinned:
          reading && reading.pinned > 0
            ? { slots: reading.pinned, q: turnedQuery(q, reading.back, config, rotaryDim) }
            : undefined,
      });
      return { y: output(params, o), state: cache };
    },
    commit: ({ snapshot, state, inputs, config, cache, ...commit }) =>
      commitRows(snapshot, state, policyOf(config, cache), { ...commit, n: inputs.shape[1]! }),
  },
});

/** Queries with the part that meets the shared key turned back by so many positions. */
function turnedQuery(q: Tensor, back: Tensor, { rotary }: Required<TiedAttentionConfig>, R: number): Tensor {
  if (R === 0) return q;
  const plain = q.shape[3]! - R;
  const part = slice(q, -1, plain);
  return concat([slice(q, -1, 0, plain), turnedBack(part, back, rotary as TiedAttentionConfig['rotary'])], 3);
}

function forward(call: Call<TiedAttentionConfig, TiedAttentionParams>): Tensor {
  const { params, config, positions, segments, random, training } = call;
  const sizes = tiedSizes(config, call.x.shape[2]!);
  const { q, rows } = project(call);
  const o = attention({
    q,
    ...keysAndValues(rows, sizes),
    queryPositions: positions,
    keyPositions: where(validEntries(call, positions.shape[1]!), positions, -1),
    ...(segments && { mask: equal(expandDims(segments, 2), expandDims(segments, 1)) }),
    scale: sizes.scale,
    window: config.window,
    ...(training && random && { dropout: { probability: config.dropout, key: random } }),
  });
  return output(params, o);
}

/** Queries `[B, n, H, d]`, their last part rotated, and rows `[B, n, G · d + R]`: tied heads, then the rotated shared key. */
function project({
  params,
  config,
  x,
  positions,
}: Pick<Call<TiedAttentionConfig, TiedAttentionParams>, 'params' | 'config' | 'x' | 'positions'>): {
  readonly q: Tensor;
  readonly rows: Tensor;
} {
  const [B, n, D] = x.shape as [number, number, number];
  const { heads: H, headDim: d, rotaryDim: R } = tiedSizes(config, D);
  const q = reshape(linear(x, params.q_proj, params.q_bias), [B, n, H, d]);
  const tied = linear(x, params.kv_proj, params.kv_bias);
  if (!params.k_rope_proj) return { q, rows: tied };
  const turn = rotation(config.rotary as TiedAttentionConfig['rotary'], R, positions);
  const sharedKey = turn(reshape(linear(x, params.k_rope_proj, params.k_rope_bias), [B, n, 1, R]));
  return {
    q: concat([slice(q, -1, 0, d - R), turn(slice(q, -1, d - R))], 3),
    rows: concat([tied, reshape(sharedKey, [B, n, R])], 2),
  };
}

/** Keys and values `[B, S, G, d]` of rows. */
function keysAndValues(rows: Tensor, { kvHeads: G, headDim: d, rotaryDim: R }: TiedSizes): { k: Tensor; v: Tensor } {
  const [B, S] = rows.shape as [number, number];
  const v = reshape(slice(rows, -1, 0, G * d), [B, S, G, d]);
  const sharedKey = broadcastTo(expandDims(slice(rows, -1, G * d), 2), [B, S, G, R]);
  return { k: concat([slice(v, -1, 0, d - R), sharedKey], 3), v };
}

function output(params: TiedAttentionParams, o: Tensor): Tensor {
  const [B, n, H, d] = o.shape as [number, number, number, number];
  return linear(reshape(o, [B, n, H * d]), params.o_proj, params.o_bias);
}

function cacheConfig({ config, dModel }: { config: Required<TiedAttentionConfig>; dModel: number }): RowCacheConfig {
  const { kvHeads, headDim, rotaryDim } = tiedSizes(config, dModel);
  return { width: kvHeads * headDim + rotaryDim, window: config.window, pageSize: config.pageSize };
}
