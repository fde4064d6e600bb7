import { headSizes, projectQueryKeyValue } from '@tessera/head-projections';
import { attention } from '@tessera/ops';
import type { CachePolicy, MixerFactory } from '@tessera/plugin';
import { contiguousCache, defineMixer, windowCache } from '@tessera/plugin';
import { InvalidSpecError } from '@tessera/tensor-core';
import { attendWhole } from './attend-whole.ts';
import { appendToCache, cacheBytes, commitCache, emptyCache, treeMask } from './key-value-cache.ts';
import type { KeyValueCache } from './key-value-cache.ts';
import { attentionConfig } from './attention-config.ts';
import type { AttentionConfig, AttentionParams } from './attention-config.ts';
import { attentionParams, gatedOutput } from './gated-output.ts';
import { readCache, standing } from './read-cache.ts';
import { sinkLogitsOf } from './sink-logits.ts';

function policyOf(config: Required<AttentionConfig>, given: CachePolicy | undefined): CachePolicy {
  const window = config.window as number | undefined;
  if (window !== undefined && given?.read)
    throw new InvalidSpecError(
      `attention: it has a window of ${window}, for which it was trained, and was given the cache policy '${given.name}', which reads the cache in another way. Leave the policy to layers without a window.`,
      { facts: { window, policy: given.name } },
    );
  return given ?? (window === undefined ? contiguousCache : windowCache(window));
}

/**
 * Causal softmax attention with a key and value cache: multi-head, grouped or multi-query; full or with a sliding window
 * (then the cache is a ring). Keys are cached rotated. A cache policy may keep sinks and evict the rest.
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
    followsPolicy: true,
    memory(site) {
      const { config, dModel, batch } = site;
      const policy = policyOf(config, site.cache);
      const slots = policy.slots(site);
      const bounded = (config.window as number | undefined) !== undefined || policy.endless === true;
      return {
        growth: bounded ? 'bounded' : 'linear',
        bytes: cacheBytes({ batch, slots, ...headSizes(config, dModel) }),
      };
    },
    init(site) {
      const { config, dModel, batch } = site;
      return emptyCache({ batch, slots: policyOf(config, site.cache).slots(site), ...headSizes(config, dModel) });
    },
    step(call) {
      const { params, config, positions, state, parents, starts, lengths } = call;
      const policy = policyOf(config, call.cache);
      const S = state.k.shape[1]!;
      const reading = policy.read?.({ positions, lengths, count: state.count, slots: S, tree: parents !== undefined });
      const { q, k, v, otherQ } = projectQueryKeyValue({ ...call, otherPositions: standing(positions, reading) });
      const { cache, slots } = appendToCache(state, policy, { k, v, positions, starts, lengths });
      const o = attention({
        ...(reading
          ? readCache(cache.positions, reading, otherQ)
          : { keyPositions: cache.positions, window: config.window }),
        q,
        k: cache.k,
        v: cache.v,
        queryPositions: positions,
        ...(parents && { mask: treeMask(parents, slots, S) }),
        scale: config.scale,
        softCap: config.softCap,
        sinkLogits: sinkLogitsOf(params, config),
      });
      return { y: gatedOutput(params, call.x, o), state: cache };
    },
    commit: ({ snapshot, state, inputs, config, cache, ...commit }) =>
      commitCache(snapshot, state, policyOf(config, cache), { ...commit, n: inputs.shape[1]! }),
  },
});
