import { linear, rmsNorm, rotary } from '@tessera/ops';
import type { ParamSpecs } from '@tessera/plugin';
import {
  bias,
  bool,
  constant,
  fields,
  int,
  linearWeight,
  number,
  oneOf,
  optional,
  settingError,
} from '@tessera/plugin';
import type { Field } from '@tessera/plugin';
import { reshape } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import { anglesOf, checkRotary, rotaryConfig } from './rotary-config.ts';
import type { RotaryConfig } from './rotary-config.ts';

/** Norm of queries and keys before they meet. */
export interface QueryKeyNormConfig {
  /** `head`: each head by itself with one weight `[headDim]`; `full`: all heads of a position together, `[heads · headDim]`. */
  readonly over: 'head' | 'full';
  /** @defaultValue 1e-6 */
  readonly eps?: number;
  /** Added to the weight. @defaultValue 0 */
  readonly offset?: number;
}

/** Settings of queries, keys and values in heads. */
export interface HeadsConfig {
  /** Query heads. */
  readonly heads: number;
  /** Key and value heads: `heads` for multi-head, fewer for grouped, 1 for multi-query. @defaultValue heads */
  readonly kvHeads?: number;
  /** Width of a head. @defaultValue dModel / heads */
  readonly headDim?: number;
  /** Biases of the query, key and value maps. @defaultValue false */
  readonly qkvBias?: boolean;
  /** Bias of the output map. @defaultValue false */
  readonly outputBias?: boolean;
  /** @defaultValue none */
  readonly qkNorm?: QueryKeyNormConfig;
  /** @defaultValue none: positions come from elsewhere, or not at all */
  readonly rotary?: RotaryConfig;
}

/** Sizes of heads. */
export interface HeadSizes {
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
}

/** Learned tensors of the projections. H heads, G key and value heads of d elements. */
export interface HeadParams {
  /** `[H · d, D]` */
  readonly q_proj: Tensor;
  /** `[G · d, D]` */
  readonly k_proj: Tensor;
  /** `[G · d, D]` */
  readonly v_proj: Tensor;
  /** `[D, H · d]` */
  readonly o_proj: Tensor;
  /** `[H · d]` */
  readonly q_bias?: Tensor;
  /** `[G · d]` */
  readonly k_bias?: Tensor;
  /** `[G · d]` */
  readonly v_bias?: Tensor;
  /** `[D]` */
  readonly o_bias?: Tensor;
  /** `[d]` or `[H · d]` */
  readonly q_norm?: Tensor;
  /** `[d]` or `[G · d]` */
  readonly k_norm?: Tensor;
}

/** Fields of {@link HeadsConfig}, to be spread into those of a mixer. */
export const headFields: { readonly [K in keyof HeadsConfig]-?: Field<HeadsConfig[K]> } = {
  heads: int({ min: 1 }),
  kvHeads: optional(int({ min: 1 })),
  headDim: optional(int({ min: 1 })),
  qkvBias: bool({ default: false }),
  outputBias: bool({ default: false }),
  qkNorm: optional(
    fields<QueryKeyNormConfig>({
      over: oneOf(['head', 'full']),
      eps: number({ min: 0, default: 1e-6 }),
      offset: number({ default: 0 }),
    }),
  ) as Field<QueryKeyNormConfig | undefined>,
  rotary: optional(rotaryConfig) as Field<RotaryConfig | undefined>,
};

/**
 * Sizes that follow from a config and the width of the model.
 * @throws InvalidSpecError when the width or the heads do not divide
 */
export function headSizes(config: Required<HeadsConfig>, dModel: number): HeadSizes {
  const { heads } = config;
  const kvHeads = (config.kvHeads as number | undefined) ?? heads;
  const headDim = (config.headDim as number | undefined) ?? dModel / heads;
  if (!Number.isInteger(headDim))
    throw settingError('heads', `is ${heads}, and dModel ${dModel} does not divide into ${heads} heads. Set headDim`, {
      dModel,
      heads,
    });
  if (heads % kvHeads !== 0)
    throw settingError(
      'kvHeads',
      `is ${kvHeads}, and ${heads} heads do not divide into ${kvHeads} kvHeads. Set kvHeads to a divisor of heads`,
      { heads, kvHeads },
    );
  return { heads, kvHeads, headDim };
}

/**
 * Shapes of the learned tensors.
 * @throws InvalidSpecError when the width or the heads do not divide, or rotary positions do not fit a head
 */
export function headParams({
  config,
  dModel: D,
}: {
  readonly config: Required<HeadsConfig>;
  readonly dModel: number;
}): ParamSpecs<HeadParams> {
  const { heads: H, kvHeads: G, headDim: d } = headSizes(config, D);
  checkRotary(config.rotary as RotaryConfig | undefined, { setting: 'headDim', width: d });
  const normWeight = (heads: number): ParamSpecs<{ w: Tensor }>['w'] => ({
    shape: [config.qkNorm?.over === 'full' ? heads * d : d],
    init: constant(1 - (config.qkNorm?.offset ?? 0)),
  });
  return {
    q_proj: linearWeight(H * d, D),
    k_proj: linearWeight(G * d, D),
    v_proj: linearWeight(G * d, D),
    o_proj: linearWeight(D, H * d),
    ...(config.qkvBias && { q_bias: bias(H * d), k_bias: bias(G * d), v_bias: bias(G * d) }),
    ...(config.outputBias && { o_bias: bias(D) }),
    ...((config.qkNorm as unknown) !== undefined && { q_norm: normWeight(H), k_norm: normWeight(G) }),
  };
}

/**
 * Queries `[B, n, H, d]`, keys and values `[B, n, G, d]`, normalised and rotated; and the queries at other positions, where there are such.
 */
export function projectQueryKeyValue(call: {
  readonly params: HeadParams;
  readonly config: Required<HeadsConfig>;
  /** `[B, n, D]` */
  readonly x: Tensor;
  /** `[B, n]`, i32 */
  readonly positions: Tensor;
  /** `[B, n]`, i32: other positions at which queries are needed, too. */
  readonly otherPositions?: Tensor | undefined;
}): { q: Tensor; k: Tensor; v: Tensor; otherQ?: Tensor } {
  const { params, config, x, positions, otherPositions } = call;
  const [B, n, D] = x.shape as [number, number, number];
  const { heads: H, kvHeads: G, headDim: d } = headSizes(config, D);
  const norm = config.qkNorm as Required<QueryKeyNormConfig> | undefined;
  const turn = config.rotary as Required<RotaryConfig> | undefined;
  const prepare = (weight: Tensor, biasOf: Tensor | undefined, normOf: Tensor | undefined, heads: number): Tensor => {
    let y = linear(x, weight, biasOf);
    if (normOf && norm?.over === 'full') y = rmsNorm(y, normOf, norm);
    y = reshape(y, [B, n, heads, d]);
    if (normOf && norm?.over === 'head') y = rmsNorm(y, normOf, norm);
    return y;
  };
  const rotation = (at: Tensor): ((y: Tensor) => Tensor) => {
    if (!turn) return (y) => y;
    const angles = anglesOf(turn, d, at);
    return (y) => rotary(y, angles, turn.order);
  };
  const rotated = rotation(positions);
  const queries = prepare(params.q_proj, params.q_bias, params.q_norm, H);
  return {
    q: rotated(queries),
    ...(otherPositions && { otherQ: rotation(otherPositions)(queries) }),
    k: rotated(prepare(params.k_proj, params.k_bias, params.k_norm, G)),
    v: prepare(params.v_proj, params.v_bias, undefined, G),
  };
}

/** Output map of the heads, `[B, n, H, d]` → `[B, n, D]`. */
export function projectOutput(params: HeadParams, o: Tensor): Tensor {
  const [B, n, H, d] = o.shape as [number, number, number, number];
  return linear(reshape(o, [B, n, H * d]), params.o_proj, params.o_bias);
}
