import type { HeadParams } from '@tessera/head-projections';
import { headSizes, projectOutput, projectQueryKeyValue } from '@tessera/head-projections';
import { l2Normalize } from '@tessera/ops';
import type { Call, MixerFactory } from '@tessera/plugin';
import { defineMixer, fields, refuseSegments } from '@tessera/plugin';
import type { Tensor } from '@tessera/tensor-core';
import {
  FeatureUnavailableError,
  broadcastTo,
  div,
  equal,
  expandDims,
  iota,
  matmul,
  reshape,
  transpose,
  where,
} from '@tessera/tensor-core';
import { checked } from '../layer/checked.ts';
import { fromHeads, keysByHead, mergeShared, queriesByHead, splitShared } from './by-heads.ts';
import { readMemory } from './by-pairs.ts';
import { contradiction, groupedFields, groupedParams } from './grouped-linear-attention.ts';
import type { GroupedAttentionConfig } from './grouped-linear-attention.ts';
import { mixParts } from './mix-parts.ts';
import type { FactorParams } from './mix-parts.ts';
import { weighOf } from './weigh-scores.ts';

/** Learned tensors of {@link groupedCrossAttention}. */
export interface GroupedCrossAttentionParams extends HeadParams, FactorParams {}

/** State of {@link groupedCrossAttention}: constant in the number of positions. */
export interface GroupedCrossAttentionState {
  /** Σ kᵀ v of the whole context, `[B, P, K, V]`. Absent where nothing reads it. */
  readonly A?: Tensor;
}

type CrossCall = Call<GroupedAttentionConfig, GroupedCrossAttentionParams>;

const name = '@tessera/attention-linear:grouped-cross-attention';

/** Keys and values of the context, `[B, S, P, ·]`. */
function ofContext({ params, config, context }: Pick<CrossCall, 'params' | 'config' | 'context'>): {
  k: Tensor;
  v: Tensor;
} {
  if (!context)
    throw new FeatureUnavailableError(
      `${name} attends to a context, and the call has none. Give it to forward, and to the start of decoding.`,
    );
  const [B, S] = context.shape as [number, number];
  const positions = broadcastTo(iota([1, S], 1), [B, S]);
  const { k, v } = projectQueryKeyValue({ params, config, x: context, positions });
  return { k: l2Normalize(k), v: config.normValues ? l2Normalize(v) : v };
}

function memoryOf({ k, v }: { readonly k: Tensor; readonly v: Tensor }): Tensor {
  return matmul(transpose(keysByHead(k)), keysByHead(v));
}

/** Σ p(q_t · k_s) v_s over the group of the context that has the number of the query's. */
function sameGroup(q: Tensor, { k, v }: { k: Tensor; v: Tensor }, { config, positions }: CrossCall): Tensor {
  const [, S, P] = k.shape as [number, number, number];
  const byHead = queriesByHead(q, P);
  const scores = splitShared(matmul(mergeShared(byHead), transpose(keysByHead(k))), byHead.shape[2]!);
  const [of, among] = [div(expandDims(positions, 2), config.group), div(iota([1, 1, S], 2), config.group)];
  const [B, n] = positions.shape as [number, number];
  const seen = reshape(broadcastTo(equal(of, among), [B, n, S]), [B, 1, 1, n, S]);
  const weights = where(seen, weighOf(config)(scores), 0);
  return fromHeads(splitShared(matmul(mergeShared(weights), keysByHead(v)), byHead.shape[2]!));
}

function run(call: CrossCall, A: Tensor | undefined): Tensor {
  refuseSegments(name, call);
  const { params, config } = call;
  const { q: asked } = projectQueryKeyValue(call);
  const q = l2Normalize(asked);
  const local = config.parts === 'global' ? undefined : sameGroup(q, ofContext(call), call);
  return projectOutput(params, mixParts({ local, global: A && readMemory(q, A) }, asked, config, params));
}

/**
 * Grouped linear attention to a context: each group of queries weighs the group of the context with its number, and reads the memory
 * of all of it. The context is there from the start, so a query sees all of it, and its memory is made once.
 *
 * o_t = α_l Σ_{γ(s) = γ(t)} relu(q_t · k_s)² v_s + α_g q_t Σ_s k_sᵀ v_s, with s over the context.
 * @see You et al. 2024, arXiv:2406.07368 (the official code's `modeling_t5.py`, `CROSS`)
 */
export const groupedCrossAttention: MixerFactory<
  GroupedAttentionConfig,
  GroupedCrossAttentionParams,
  GroupedCrossAttentionState
> = defineMixer<GroupedAttentionConfig, GroupedCrossAttentionParams, GroupedCrossAttentionState>({
  contract: 'sequence-mixer/1',
  name,
  config: checked(fields<GroupedAttentionConfig>(groupedFields), (config) =>
    config.castling
      ? { setting: 'castling', message: 'is true, and a query has no value of its own in the context; leave it out' }
      : contradiction(config),
  ),
  params: (site) => groupedParams(site),
  forward: (call) => ({ y: run(call, call.config.parts === 'local' ? undefined : memoryOf(ofContext(call))) }),
  decoding: {
    trees: true,
    memory({ config, dModel, batch }) {
      const { kvHeads, headDim } = headSizes(config, dModel);
      return { growth: 'constant', bytes: config.parts === 'local' ? 0 : 4 * batch * kvHeads * headDim * headDim };
    },
    init: ({ config, params, context }) =>
      config.parts === 'local' ? {} : { A: memoryOf(ofContext({ config, params, ...(context && { context }) })) },
    step: (call) => ({ y: run(call, call.state.A), state: call.state }),
  },
});
