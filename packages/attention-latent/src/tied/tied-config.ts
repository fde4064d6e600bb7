import type { RotaryConfig } from '@tessera/head-projections';
import { rotaryConfig } from '@tessera/head-projections';
import type { ParamSpecs } from '@tessera/plugin';
import { bias, bool, fields, int, linearWeight, number, optional, settingError } from '@tessera/plugin';
import type { Field } from '@tessera/plugin';
import type { Tensor } from '@tessera/tensor-core';
import { checkSharedKey, shareOf } from '../latent/latent-config.ts';

/** Settings of grouped-tied attention. */
export interface TiedAttentionConfig {
  /** Query heads. */
  readonly heads: number;
  /** Heads of the tensor that is key and value: a divisor of heads. @defaultValue heads */
  readonly kvHeads?: number;
  /** d: width of a head. @defaultValue dModel / heads */
  readonly headDim?: number;
  /** R: width of the key that all heads share, up to headDim; even. 0: keys are the values. @defaultValue headDim / 2 */
  readonly rotaryDim?: number;
  /** @defaultValue none: nothing turns */
  readonly rotary?: RotaryConfig;
  /** Factor of the dot products. @defaultValue headDim^−½ */
  readonly scale?: number;
  /** Biases of the maps of queries and of keys and values. @defaultValue false */
  readonly qkvBias?: boolean;
  /** Bias of the map of the shared key. @defaultValue false */
  readonly sharedKeyBias?: boolean;
  /** Bias of the output map. @defaultValue false */
  readonly outputBias?: boolean;
  /** A position sees others at a distance below this. @defaultValue no limit */
  readonly window?: number;
  /** In training: probability with which a weight of attention is left out. All weights are then in memory. @defaultValue 0 */
  readonly dropout?: number;
  /** Slots of a page of the cache. @defaultValue none: the cache of a row is one run of slots */
  readonly pageSize?: number;
}

/** Learned tensors of grouped-tied attention. H heads, G heads of keys and values, of d elements. */
export interface TiedAttentionParams {
  /** `[H · d, D]`: of a head, what meets the tied part, then what meets the shared key. */
  readonly q_proj: Tensor;
  /** `[G · d, D]` */
  readonly kv_proj: Tensor;
  /** `[R, D]`; absent without a shared key. */
  readonly k_rope_proj?: Tensor;
  /** `[D, H · d]` */
  readonly o_proj: Tensor;
  /** `[H · d]` */
  readonly q_bias?: Tensor;
  /** `[G · d]` */
  readonly kv_bias?: Tensor;
  /** `[R]` */
  readonly k_rope_bias?: Tensor;
  /** `[D]` */
  readonly o_bias?: Tensor;
}

/** Schema of {@link TiedAttentionConfig}. */
export const tiedAttentionConfig = fields<TiedAttentionConfig>({
  heads: int({ min: 1 }),
  kvHeads: optional(int({ min: 1 })),
  headDim: optional(int({ min: 1 })),
  rotaryDim: optional(int({ min: 0 })),
  rotary: optional(rotaryConfig) as Field<RotaryConfig | undefined>,
  scale: optional(number()),
  qkvBias: bool({ default: false }),
  sharedKeyBias: bool({ default: false }),
  outputBias: bool({ default: false }),
  window: optional(int({ min: 1 })),
  dropout: number({ min: 0, max: 1, default: 0 }),
  pageSize: optional(int({ min: 1 })),
}) as ReturnType<typeof fields<TiedAttentionConfig>>;

/** Sizes that follow from a config and the width of the model. */
export interface TiedSizes {
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly rotaryDim: number;
  readonly scale: number;
}

/**
 * Sizes that follow from a config and the width of the model.
 * @throws InvalidSpecError for sizes that do not fit each other
 */
export function tiedSizes(config: Required<TiedAttentionConfig>, dModel: number): TiedSizes {
  const given = config as TiedAttentionConfig;
  const { heads, kvHeads = heads } = given;
  const headDim = given.headDim ?? shareOf(dModel, heads);
  if (heads % kvHeads !== 0)
    throw settingError(
      'kvHeads',
      `is ${kvHeads}, and ${heads} heads do not divide into ${kvHeads} kvHeads. Set kvHeads to a divisor of heads`,
      { heads, kvHeads },
    );
  const rotaryDim = given.rotaryDim ?? headDim / 2;
  checkSharedKey(given.rotary, rotaryDim);
  if (rotaryDim > headDim)
    throw settingError(
      'rotaryDim',
      `is ${rotaryDim}, expected up to headDim = ${headDim}: the shared key takes the place of a part of a head's. Set rotaryDim`,
      { rotaryDim, headDim },
    );
  if (config.sharedKeyBias && rotaryDim === 0)
    throw settingError('sharedKeyBias', 'is true, and with rotaryDim: 0 there is no shared key. Leave it out');
  return { heads, kvHeads, headDim, rotaryDim, scale: given.scale ?? headDim ** -0.5 };
}

/** Shapes of the learned tensors. */
export function tiedAttentionParams({
  config,
  dModel: D,
}: {
  readonly config: Required<TiedAttentionConfig>;
  readonly dModel: number;
}): ParamSpecs<TiedAttentionParams> {
  const { heads: H, kvHeads: G, headDim: d, rotaryDim: R } = tiedSizes(config, D);
  return {
    q_proj: linearWeight(H * d, D),
    kv_proj: linearWeight(G * d, D),
    ...(R > 0 && { k_rope_proj: linearWeight(R, D) }),
    o_proj: linearWeight(D, H * d),
    ...(config.qkvBias && { q_bias: bias(H * d), kv_bias: bias(G * d) }),
    ...(config.sharedKeyBias && R > 0 && { k_rope_bias: bias(R) }),
    ...(config.outputBias && { o_bias: bias(D) }),
  };
}
