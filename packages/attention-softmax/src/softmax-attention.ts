import { headSizes, projectQueryKeyValue } from '@tessera/head-projections';
import { attention } from '@tessera/ops';
import type { CachePolicy, MixerFactory } from '@tessera/plugin';
import { contiguousCache, defineMixer, windowCache } from '@tessera/plugin';
import { attendWhole } from './attend-whole.ts';
import { appendToCache, cacheBytes, commitCache, emptyCache, treeMask } from './key-value-cache.ts';
import type { KeyValueCache } from './key-value-cache.ts';
import { attentionConfig } from './attention-config.ts';
import type { AttentionConfig, AttentionParams } from './attention-config.ts';
import { attentionParams, gatedOutput } from './gated-output.ts';

function policyOf(config: Required<AttentionConfig>, given: CachePolicy | undefined): CachePolicy {
  const window = config.window as number | undefined;
  return given ?? (window === undefined ? contiguousCache : windowCache(window));
}

/**
 * Causal softmax attention with a key and value cache: multi-head, grouped or multi-query; full or with a sliding window
 * (then the cache is a ring). Keys are cached rotated.
 *
 * o_t = Σ_{s ≤ t} softmax_s(scale · q_t · k_s) v_s
 * @see Vaswani et al. 2017, arXiv:1706.03762; grouped heads: Ainslie et al. 2023, arXiv:2305.13245.
 */
export const softmaxAttention: MixerFactory<AttentionConfig, AttentionParams, KeyValueCache> = defineMixer({
  contract: 'sequence-mixer/1',
  name: '@tessera/attention-softmax:softmax-attention',
  config: attentionConfig,
  params: attentionParams,
  forward: (call) => attendWhole(call, { causal: true }),
  decoding: {
    trees: true,
    memory(site) {
      const { config, dModel, batch } = site;
      const slots = policyOf(config, site.cache).slots(site);
      return {
        growth: (config.window as number | undefined) === undefined ? 'linear' : 'bounded',
        bytes: cacheBytes({ batch, slots, ...headSizes(config, dModel) }),
      };
    },
    init(site) {
      const { config, dModel, batch } = site;
      return emptyCache({ batch, slots: policyOf(config, site.cache).slots(site), ...headSizes(config, dModel) });
    },
    step(call) {
      const { params, config, positions, state, parents, starts, lengths } = call;
      const { q, k, v } = projectQueryKeyValue(call);
      const { cache, slots } = appendToCache(state, policyOf(config, call.cache), { k, v, positions, starts, lengths });
      const o = attention({
        q,
        k: cache.k,
        v: cache.v,
        queryPositions: positions,
        keyPositions: cache.positions,
        ...(parents && { mask: treeMask(parents, slots, cache.k.shape[1]!) }),
        scale: config.scale,
        window: config.window,
        softCap: config.softCap,
      });
      return { y: gatedOutput(params, call.x, o), state: cache };
    },
    commit: ({ snapshot, state, path, count, starts, inputs, config, cache }) =>
      commitCache(snapshot, state, policyOf(config, cache), { path, count, starts, n: inputs.shape[1]! }),
  },
});
