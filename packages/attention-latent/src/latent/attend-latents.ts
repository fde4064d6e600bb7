import { attention, latentAttention, linear } from '@tessera/ops';
import type { AttentionCall } from '@tessera/ops';
import { add, broadcastTo, concat, expandDims, matmul, permute, reshape, slice, transpose } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import type { LatentSizes } from './latent-config.ts';
import type { LatentAttentionParams } from './latent-params.ts';
import type { ProjectedLatents } from './project-latents.ts';

/** Who sees whom, and how much is left out. */
export interface Sight extends Pick<AttentionCall, 'queryPositions' | 'keyPositions' | 'mask' | 'window' | 'dropout'> {
  /** Slots that stay, and q^r as it meets them. */
  readonly pinned?: { readonly slots: number; readonly turned: Tensor } | undefined;
}

/**
 * Materialised form: keys and values of all heads are made of the rows.
 *
 * [k^n, v] = c W_UKV, o = softmax((q^n · k^n + q^r · k^r) · scale) v
 * @param rows - `[B, S, C · d_c + R]`
 * @returns `[B, n, H, d_v]`
 */
export function attendMaterialized(
  params: LatentAttentionParams,
  { plain, turned }: ProjectedLatents,
  rows: Tensor,
  sizes: LatentSizes,
  { pinned, ...sight }: Sight,
): Tensor {
  const { heads: H, latentHeads: C, latentDim, headDim, valueDim, rotaryDim: R, scale } = sizes;
  const [B, S] = rows.shape as [number, number];
  const latents = reshape(slice(rows, -1, 0, C * latentDim), [B, S, C, latentDim]);
  const sharedKey = expandDims(slice(rows, -1, C * latentDim), 2);
  const up = (weight: Tensor, bias: Tensor | undefined, width: number): Tensor =>
    reshape(upFrom(latents, weight, bias), [B, S, H, width]);
  const k = concat([up(params.k_b_proj, params.k_b_bias, headDim), broadcastTo(sharedKey, [B, S, H, R])], 3);
  const v = up(params.v_b_proj, params.v_b_bias, valueDim);
  const apart = pinned && { slots: pinned.slots, q: concat([plain, pinned.turned], 3) };
  return attention({ q: concat([plain, turned], 3), k, v, scale, pinned: apart, ...sight });
}

/** What the heads of each latent make of it: `[B, S, C, d_c]` → `[B, S, H · width]`. */
function upFrom(latents: Tensor, weight: Tensor, bias: Tensor | undefined): Tensor {
  const [B, S, C, latentDim] = latents.shape as [number, number, number, number];
  if (C === 1) return linear(reshape(latents, [B, S, latentDim]), weight, bias);
  const width = weight.shape[0]! / C;
  const byLatent = reshape(permute(latents, [2, 0, 1, 3]), [C, B * S, latentDim]);
  const made = matmul(byLatent, transpose(reshape(weight, [C, width, latentDim]))); // [C, B · S, width]
  const y = reshape(permute(reshape(made, [C, B, S, width]), [1, 2, 0, 3]), [B, S, C * width]);
  return bias ? add(y, bias) : y;
}

/**
 * Absorbed form: queries are brought to the latents, and what they sum up is brought to the values.
 *
 * q̃_j = q^n_j W_UK^j, u_j = Σ softmax((q̃_j · c + q^r_j · k^r) · scale) c, o_j = u_j W_UV^jᵀ
 *
 * A bias of keys adds the same to all scores of a query, which softmax takes away; one of values is added to the sum.
 * @param cache - rows, with a table where they are in pages
 * @returns `[B, n, H, d_v]`
 */
export function attendAbsorbed(
  params: LatentAttentionParams,
  { plain, turned }: ProjectedLatents,
  cache: { readonly rows: Tensor; readonly table?: Tensor; readonly pageSize?: number },
  { heads: H, latentHeads: C, latentDim, headDim, valueDim, rotaryDim: R, scale }: LatentSizes,
  { pinned, ...sight }: Omit<Sight, 'dropout'>,
): Tensor {
  const [B, n] = plain.shape as [number, number];
  const queries = byHead(plain, reshape(params.k_b_proj, [H, headDim, latentDim])); // q̃
  const sums = latentAttention({
    q: concat([queries, turned], 3),
    ...cache,
    groups: C,
    sharedDim: R,
    scale,
    pinned: pinned && { slots: pinned.slots, q: concat([queries, pinned.turned], 3) },
    ...sight,
  });
  const o = byHead(sums, transpose(reshape(params.v_b_proj, [H, valueDim, latentDim])));
  return params.v_b_bias ? add(o, reshape(params.v_b_bias, [1, 1, H, valueDim])) : reshape(o, [B, n, H, valueDim]);
}

/** Each head by a matrix of its own, `[B, n, H, a]` and `[H, a, b]` → `[B, n, H, b]`. */
function byHead(x: Tensor, matrices: Tensor): Tensor {
  const [B, n, H, a] = x.shape as [number, number, number, number];
  const y = matmul(reshape(permute(x, [2, 0, 1, 3]), [H, B * n, a]), matrices); // [H, B · n, b]
  return permute(reshape(y, [H, B, n, matrices.shape[2]!]), [1, 2, 0, 3]);
}
