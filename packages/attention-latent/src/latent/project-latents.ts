import { anglesOf } from '@tessera/head-projections';
import type { RotaryConfig } from '@tessera/head-projections';
import { linear, rmsNorm, rotary } from '@tessera/ops';
import { add, concat, mean, mul, reshape, rsqrt, slice, square } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import type { LatentSizes } from './latent-config.ts';
import type { LatentAttentionParams } from './latent-params.ts';

/** What attention with latents needs of a position. */
export interface ProjectedLatents {
  /** q^n: what meets the keys of the latents, `[B, n, H, d_n]` */
  readonly plain: Tensor;
  /** q^r: what meets the shared key, rotated, `[B, n, H, R]` */
  readonly turned: Tensor;
  /** All that is kept: the normalised latents and the rotated shared key, `[B, n, C · d_c + R]` */
  readonly rows: Tensor;
}

/** Queries and rows of new positions. */
export function projectLatents(
  call: {
    readonly params: LatentAttentionParams;
    readonly config: { readonly rotary: RotaryConfig; readonly normEps: number };
    readonly x: Tensor;
    readonly positions: Tensor;
  },
  { heads: H, latentHeads: C, latentDim, headDim, rotaryDim: R }: LatentSizes,
): ProjectedLatents {
  const { params, config, x, positions } = call;
  const [B, n] = x.shape as [number, number];
  const turn = rotation(config.rotary as RotaryConfig | undefined, R, positions);
  const q = reshape(queriesOf(params, x, config.normEps), [B, n, H, headDim + R]);
  const down = linear(x, params.kv_a_proj, params.kv_a_bias);
  const latents = normalized(slice(down, -1, 0, C * latentDim), C, params.kv_a_norm, config.normEps);
  const sharedKey = turn(reshape(slice(down, -1, C * latentDim), [B, n, 1, R]));
  return {
    plain: slice(q, -1, 0, headDim),
    turned: turn(slice(q, -1, headDim)),
    rows: concat([latents, reshape(sharedKey, [B, n, R])], 2),
  };
}

/** How `[B, n, heads, width]` turns at these positions. Without a config, or a width, not at all. */
export function rotation(config: RotaryConfig | undefined, width: number, positions: Tensor): (x: Tensor) => Tensor {
  if (!config || width === 0) return (x) => x;
  const settings = config as Required<RotaryConfig>;
  const angles = anglesOf(settings, width, positions);
  return (x) => rotary(x, angles, settings.order);
}

function queriesOf(params: LatentAttentionParams, x: Tensor, eps: number): Tensor {
  if (params.q_proj) return linear(x, params.q_proj, params.q_bias);
  const c = rmsNorm(linear(x, params.q_a_proj!, params.q_a_bias), params.q_a_norm!, { eps });
  return linear(c, params.q_b_proj!, params.q_b_bias);
}

/** Each of C latents by its own mean square, so that ranks that hold one each agree with one that holds all. */
function normalized(latents: Tensor, C: number, weight: Tensor, eps: number): Tensor {
  if (C === 1) return rmsNorm(latents, weight, { eps });
  const [B, n, width] = latents.shape as [number, number, number];
  const c = reshape(latents, [B, n, C, width / C]);
  const scale = rsqrt(add(mean(square(c), { axis: -1, keepDims: true }), eps));
  return reshape(mul(mul(c, scale), reshape(weight, [C, width / C])), [B, n, width]);
}
