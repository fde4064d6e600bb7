import { ancestors, attention, linear } from '@tessera/ops';
import type { AttentionCall } from '@tessera/ops';
import type { CachePolicy, CacheReading, Call, Entries, MixerFactory, Site } from '@tessera/plugin';
import {
  chainOf,
  contiguousCache,
  defineMixer,
  entriesOf,
  pickRows,
  refuseSegments,
  seenPositions,
  slotsSeen,
  windowCache,
} from '@tessera/plugin';
import { and, equal, expandDims, iota, less, reshape, where } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import { headDimOf } from '../keys/key-config.ts';
import { contextualMemoryConfig, contextualMemoryParams } from './contextual-config.ts';
import type { ContextualMemoryConfig, ContextualMemoryParams } from './contextual-config.ts';
import { appendPairs, cacheBytes, commitPairs, emptyCache } from './pair-cache.ts';
import type { CacheSizes, PairCache } from './pair-cache.ts';
import { makePairs, nothingPending, pendingShapes } from './pairs.ts';
import type { Pairs, Pending } from './pairs.ts';

const name = '@tessera/mixers-memory-mosaic:contextual-memory';

/** State of {@link contextualMemory}. */
export interface ContextualMemoryState {
  readonly pending: Pending;
  readonly pairs: PairCache;
}

function policyOf(config: Required<ContextualMemoryConfig>, given: CachePolicy | undefined): CachePolicy {
  const window = config.window as number | undefined;
  return given ?? (window === undefined ? contiguousCache : windowCache(window));
}

/**
 * Contextual associative memory: predicts what follows from what followed likeness before. It has neither queries nor positions.
 *
 * k̄_t = e^{−β} k̄_{t−1} + x_t W_φ, k_t = e^κ n(k̄_t); v_t = e^ν n((1 − c) x_{t+1} W_ψ + c x_t W_ψ);
 * y_t = Σ_{s < t} softmax_s(k_t · k_s) v_s, y_0 = 0.
 *
 * Keys are of one norm, so the weights are those of a Gaussian kernel of bandwidth e^{−κ} over unit keys (Nadaraya–Watson). The
 * pair (k_s, v_s) is known at s + 1 and readable from then on; the last one waits in the state for the next entry. A cache policy
 * may evict pairs: each belongs to the entry that completed it.
 * @see Zhang et al. 2024, arXiv:2405.06394, section 4.
 */
export const contextualMemory: MixerFactory<ContextualMemoryConfig, ContextualMemoryParams, ContextualMemoryState> =
  defineMixer({
    contract: 'sequence-mixer/1',
    name,
    config: contextualMemoryConfig,
    params: contextualMemoryParams,
    forward: (call) => ({ y: call.x.shape[1] === 0 ? call.x : wholeSequences(call) }),
    decoding: {
      trees: true,
      followsPolicy: true,
      memory(site) {
        const { config, dModel, batch, cache } = site;
        const pending = Object.values(pendingShapes(config, dModel)).map((shape) => shape.reduce((a, b) => a * b, 1));
        return {
          growth: (config.window as number | undefined) === undefined && !cache?.endless ? 'linear' : 'bounded',
          bytes: cacheBytes(cacheSizes(site)) + 4 * batch * pending.reduce((a, b) => a + b, 0),
        };
      },
      init: (site) => ({
        pending: nothingPending(site.config, site.dModel, site.batch),
        pairs: emptyCache(cacheSizes(site)),
      }),
      step(call) {
        refuseSegments(name, call);
        const { params, config, state } = call;
        const entries = entriesOf(call, call.x.shape[1]!, name);
        const [x, positions] = [entries.align(call.x), entries.align(call.positions)];
        const made = makePairs({
          params,
          config,
          x,
          pending: state.pending,
          before: expandDims(state.pairs.count, 1),
          entries,
        });
        const policy = policyOf(config, call.cache);
        const { cache, slots } = appendPairs(state.pairs, policy, {
          keys: made.pairKeys,
          values: made.pairValues,
          positions: where(made.complete, positions, -1),
          lengths: entries.lengths,
        });
        const S = cache.keys.shape[1]!;
        const { lengths, parents } = entries;
        const tree = parents !== undefined;
        const reading = policy.read?.({ positions, lengths, count: state.pairs.count, slots: S, tree });
        const y = retrieve(call, made, {
          k: cache.keys,
          v: cache.values,
          queryPositions: positions,
          ...(reading ? readUnder(reading, cache.positions, made) : { keyPositions: cache.positions }),
          ...(parents && { mask: slotsSeen(ancestors(parents), slots, S) }),
        });
        return { y: entries.restore(y), state: { pending: made.pending, pairs: cache } };
      },
      commit({ params, config, snapshot, state, inputs, path, count, starts, inOrder, cache }) {
        const pairs = commitPairs(snapshot.pairs, state.pairs, policyOf(config, cache), {
          path,
          count,
          starts,
          inOrder,
          n: inputs.shape[1]!,
        });
        // What waits is read once more along the path, from what waited before the step.
        const depth = path.shape[1]!;
        const { pending } = makePairs({
          params,
          config,
          x: pickRows(inputs, where(less(iota([1, depth], 1), expandDims(count, 1)), path, -1)),
          pending: snapshot.pending,
          before: 0,
          entries: chainOf(count, depth),
        });
        return { pending, pairs };
      },
    },
  });

/** Which pairs are seen of a cache that a policy reads. Nothing depends on positions: pairs that stay are met as they are. */
function readUnder(
  reading: CacheReading,
  positions: Tensor,
  { keys }: Pairs,
): Pick<AttentionCall, 'keyPositions' | 'window' | 'pinned'> {
  const { pinned, window } = reading;
  return {
    keyPositions: seenPositions(positions, reading),
    window,
    pinned: pinned > 0 ? { slots: pinned, q: keys } : undefined,
  };
}

function cacheSizes(
  site: Site<ContextualMemoryConfig> & {
    readonly batch: number;
    readonly capacity: number;
    readonly chunk: number;
    readonly cache?: CachePolicy;
  },
): CacheSizes {
  const { config, dModel, batch } = site;
  const slots = policyOf(config, site.cache).slots(site);
  return { batch, slots, heads: config.heads, headDim: headDimOf(config, dModel) };
}

function wholeSequences(call: Call<ContextualMemoryConfig, ContextualMemoryParams>): Tensor {
  const { made, entries, sight } = wholePairs(call);
  return entries.restore(retrieve(call, made, { k: made.pairKeys, v: made.pairValues, ...sight }));
}

/** Pairs of whole sequences, aligned, and which entry sees which. */
export function wholePairs(call: Call<ContextualMemoryConfig, ContextualMemoryParams>): {
  readonly made: Pairs;
  readonly entries: Entries;
  readonly sight: Pick<AttentionCall, 'queryPositions' | 'keyPositions' | 'mask'>;
} {
  const { params, config } = call;
  const [B, T, D] = call.x.shape as [number, number, number];
  const entries = entriesOf(call, T, name);
  const x = entries.align(call.x);
  const made = makePairs({ params, config, x, pending: nothingPending(config, D, B), before: 0, entries });
  const positions = entries.align(call.positions);
  const index = entries.documents?.index;
  return {
    made,
    entries,
    sight: {
      queryPositions: positions,
      keyPositions: where(made.complete, positions, -1),
      ...(index && { mask: and(equal(expandDims(index, 2), expandDims(index, 1)), expandDims(entries.valid, 1)) }),
    },
  };
}

/** Reads the pairs that each entry sees, `[B, n, D]`. */
function retrieve(
  { params, config, random, training }: Call<ContextualMemoryConfig, ContextualMemoryParams>,
  { keys }: Pairs,
  pairs: Omit<AttentionCall, 'q'>,
): Tensor {
  const [B, n, H, d] = keys.shape as [number, number, number, number];
  const o = attention({
    q: keys,
    window: config.window,
    ...pairs,
    scale: 1,
    ...(training && random && { dropout: { probability: config.dropout, key: random } }),
  });
  return linear(reshape(o, [B, n, H * d]), params.o_proj, params.o_bias);
}
