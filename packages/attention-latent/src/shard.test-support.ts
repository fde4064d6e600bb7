import { concat, slice } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import { groupedLatentAttention } from './latent/grouped-latent-attention.ts';
import { latentSizes } from './latent/latent-config.ts';
import type { AnyLatentConfig } from './latent/latent-config.ts';
import { Layer } from './layer.test-support.ts';
import { groupedTiedAttention } from './tied/grouped-tied-attention.ts';
import { tiedSizes } from './tied/tied-config.ts';
import type { TiedAttentionConfig } from './tied/tied-config.ts';

type Tensors = Record<string, Tensor>;

/** The layer that one of several tensor-parallel ranks holds: its heads, and what they read. */
export function shardOf(layer: Layer, rank: number, ranks: number): Layer {
  return layer.mixer.name.endsWith('tied-attention') ? tiedShard(layer, rank, ranks) : latentShard(layer, rank, ranks);
}

/** Runs of an axis, `size` each, by their numbers. */
function runs(x: Tensor, axis: number, size: number, numbers: readonly number[]): Tensor {
  return concat(
    numbers.map((number) => slice(x, axis, number * size, (number + 1) * size)),
    axis,
  );
}

/** Numbers of the heads of a rank, and of the groups that they read: group i is of rank i mod N, or its heads are of several. */
function shareOf(heads: number, groups: number, rank: number, ranks: number): { heads: number[]; groups: number[] } {
  const perGroup = heads / groups;
  const all = Array.from({ length: heads }, (_, head) => head);
  if (groups >= ranks) {
    const own = Array.from({ length: groups }, (_, group) => group).filter((group) => group % ranks === rank);
    return { groups: own, heads: all.filter((head) => own.includes(Math.floor(head / perGroup))) };
  }
  const own = all.filter((head) => Math.floor((head * ranks) / heads) === rank);
  return { heads: own, groups: [Math.floor(own[0]! / perGroup)] };
}

function latentShard({ config, params, dModel }: Layer, rank: number, ranks: number): Layer {
  const read = config as AnyLatentConfig;
  const { heads, latentHeads, latentDim, headDim, valueDim, rotaryDim: R } = latentSizes(read, dModel);
  const share = shareOf(heads, latentHeads, rank, ranks);
  const all = params as Tensors;
  const latents = (x: Tensor): Tensor =>
    concat([runs(x, 0, latentDim, share.groups), slice(x, 0, latentHeads * latentDim, latentHeads * latentDim + R)], 0);
  const own: Tensors = {
    ...all,
    q_b_proj: runs(all['q_b_proj']!, 0, headDim + R, share.heads),
    q_b_bias: runs(all['q_b_bias']!, 0, headDim + R, share.heads),
    kv_a_proj: latents(all['kv_a_proj']!),
    kv_a_bias: latents(all['kv_a_bias']!),
    kv_a_norm: runs(all['kv_a_norm']!, 0, latentDim, share.groups),
    k_b_proj: runs(all['k_b_proj']!, 0, headDim, share.heads),
    k_b_bias: runs(all['k_b_bias']!, 0, headDim, share.heads),
    v_b_proj: runs(all['v_b_proj']!, 0, valueDim, share.heads),
    v_b_bias: runs(all['v_b_bias']!, 0, valueDim, share.heads),
    o_proj: runs(all['o_proj']!, 1, valueDim, share.heads),
  };
  const use = { ...read, heads: share.heads.length, latentHeads: share.groups.length } as never;
  return new Layer(groupedLatentAttention(use), dModel, own);
}

function tiedShard({ config, params, dModel }: Layer, rank: number, ranks: number): Layer {
  const read = config as Required<TiedAttentionConfig>;
  const { heads, kvHeads, headDim: d } = tiedSizes(read, dModel);
  const share = shareOf(heads, kvHeads, rank, ranks);
  const all = params as Tensors;
  const own: Tensors = {
    ...all,
    q_proj: runs(all['q_proj']!, 0, d, share.heads),
    q_bias: runs(all['q_bias']!, 0, d, share.heads),
    kv_proj: runs(all['kv_proj']!, 0, d, share.groups),
    kv_bias: runs(all['kv_bias']!, 0, d, share.groups),
    o_proj: runs(all['o_proj']!, 1, d, share.heads),
  };
  const use = { ...read, heads: share.heads.length, kvHeads: share.groups.length };
  return new Layer(groupedTiedAttention(use), dModel, own);
}
