import type { ParamSpecs } from '@tessera/plugin';
import { bias, constant, linearWeight } from '@tessera/plugin';
import type { Tensor } from '@tessera/tensor-core';
import { latentSizes } from './latent-config.ts';
import type { AnyLatentConfig } from './latent-config.ts';

/** Learned tensors of an attention with latents. H heads, C latents of d_c; keys of d_n and R, values of d_v. */
export interface LatentAttentionParams {
  /** Queries without a rank, `[H · (d_n + R), D]` */
  readonly q_proj?: Tensor;
  /** `[H · (d_n + R)]` */
  readonly q_bias?: Tensor;
  /** W_DQ: queries down to their rank, `[rank, D]` */
  readonly q_a_proj?: Tensor;
  /** `[rank]` */
  readonly q_a_bias?: Tensor;
  /** `[rank]` */
  readonly q_a_norm?: Tensor;
  /** W_UQ: queries up from their rank, `[H · (d_n + R), rank]` */
  readonly q_b_proj?: Tensor;
  /** `[H · (d_n + R)]` */
  readonly q_b_bias?: Tensor;
  /** W_DKV: latents, then shared key, `[C · d_c + R, D]` */
  readonly kv_a_proj: Tensor;
  /** `[C · d_c + R]` */
  readonly kv_a_bias?: Tensor;
  /** Of each latent by itself, `[C · d_c]` */
  readonly kv_a_norm: Tensor;
  /** W_UK: keys of a latent, `[H · d_n, d_c]` */
  readonly k_b_proj: Tensor;
  /** `[H · d_n]` */
  readonly k_b_bias?: Tensor;
  /** W_UV: values of a latent, `[H · d_v, d_c]` */
  readonly v_b_proj: Tensor;
  /** `[H · d_v]` */
  readonly v_b_bias?: Tensor;
  /** `[D, H · d_v]` */
  readonly o_proj: Tensor;
  /** `[D]` */
  readonly o_bias?: Tensor;
}

/** Shapes of the learned tensors. */
export function latentAttentionParams({
  config,
  dModel: D,
}: {
  readonly config: AnyLatentConfig;
  readonly dModel: number;
}): ParamSpecs<LatentAttentionParams> {
  const sizes = latentSizes(config, D);
  const { heads: H, latentHeads: C, latentDim, headDim, valueDim, rotaryDim: R, queryRank: rank } = sizes;
  const { downBias, upBias, outputBias } = config;
  const query = H * (headDim + R);
  const down = C * latentDim + R;
  return {
    ...(rank === undefined
      ? { q_proj: linearWeight(query, D), ...(upBias && { q_bias: bias(query) }) }
      : {
          q_a_proj: linearWeight(rank, D),
          ...(downBias && { q_a_bias: bias(rank) }),
          q_a_norm: { shape: [rank], init: constant(1) },
          q_b_proj: linearWeight(query, rank),
          ...(upBias && { q_b_bias: bias(query) }),
        }),
    kv_a_proj: linearWeight(down, D),
    ...(downBias && { kv_a_bias: bias(down) }),
    kv_a_norm: { shape: [C * latentDim], init: constant(1) },
    k_b_proj: linearWeight(H * headDim, latentDim),
    v_b_proj: linearWeight(H * valueDim, latentDim),
    ...(upBias && { k_b_bias: bias(H * headDim), v_b_bias: bias(H * valueDim) }),
    o_proj: linearWeight(D, H * valueDim),
    ...(outputBias && { o_bias: bias(D) }),
  };
}
