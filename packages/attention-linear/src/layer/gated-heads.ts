import type { ActivationName } from '@tessera/ops';
import { activationNames, linear } from '@tessera/ops';
import type { Entries, Field, ParamSpecs } from '@tessera/plugin';
import { bool, constant, int, linearWeight, number, oneOf, optional } from '@tessera/plugin';
import type { Tensor } from '@tessera/tensor-core';
import type { SettingIssue } from './checked.ts';
import { sharedEvenly, unread, unreadTaps } from './checked.ts';
import type { Stream } from './convolve-streams.ts';
import { convolveStreams } from './convolve-streams.ts';
import type { PartAfter } from './evolving.ts';
import { headOutput } from './head-output.ts';
import type { TapParams } from './tap-parameters.ts';
import { historyRows, tapParams, tapsOf } from './tap-parameters.ts';

/** Settings that layers share whose memory decays and is added to: retention and gated linear attention. */
export interface GatedHeadsConfig {
  /** H, heads of queries. */
  readonly heads: number;
  /** P, heads of keys and values, a divisor of `heads`. @defaultValue heads */
  readonly kvHeads?: number;
  /** K, elements of a query or key. */
  readonly keyDim: number;
  /** V, elements of a value. */
  readonly valueDim: number;
  /** φ, of queries and keys. @defaultValue 'identity' */
  readonly featureActivation?: ActivationName;
  /** J, taps of convolutions over queries, keys and values, each followed by silu; 0: none. @defaultValue 0 */
  readonly convolution?: number;
  /** The convolutions have biases. @defaultValue false */
  readonly convolutionBias?: boolean;
  /** Whether the output is gated. @defaultValue true */
  readonly outputGate?: boolean;
  /** Of the output gate. @defaultValue 'silu' */
  readonly gateActivation?: ActivationName;
  /** The norm of the output has a weight. @defaultValue true */
  readonly normWeight?: boolean;
  /** Of the norm of the output. @defaultValue 1e-5 */
  readonly normEps?: number;
}

/** Learned tensors that go with {@link GatedHeadsConfig}. */
export interface GatedHeadsParams extends TapParams {
  /** `[H · K, D]` */
  readonly q_proj: Tensor;
  /** `[P · K, D]` */
  readonly k_proj: Tensor;
  /** `[P · V, D]` */
  readonly v_proj: Tensor;
  /** `[H · V, D]`: the output gate. */
  readonly g_proj?: Tensor;
  /** `[D, H · V]` */
  readonly o_proj: Tensor;
  /** `[V]` */
  readonly o_norm?: Tensor;
}

/** State that goes with {@link GatedHeadsConfig}: constant in the number of positions. */
export interface GatedHeadsState {
  /** The last J − 1 inputs of the convolutions, `[B, J − 1, H · K + P (K + V)]`. */
  readonly conv: Tensor;
  /** `[B, H, K, V]`, f32. */
  readonly S: Tensor;
}

/** Fields of {@link GatedHeadsConfig}. */
export const gatedHeadsFields: { readonly [Key in keyof Required<GatedHeadsConfig>]: Field<GatedHeadsConfig[Key]> } = {
  heads: int({ min: 1 }),
  kvHeads: optional(int({ min: 1 })) as Field<number>,
  keyDim: int({ min: 1 }),
  valueDim: int({ min: 1 }),
  featureActivation: oneOf(activationNames, { default: 'identity' }),
  convolution: int({ min: 0, default: 0 }),
  convolutionBias: bool({ default: false }),
  outputGate: bool({ default: true }),
  gateActivation: oneOf(activationNames, { default: 'silu' }),
  normWeight: bool({ default: true }),
  normEps: number({ min: 0, default: 1e-5 }),
};

/** What of {@link GatedHeadsConfig} does not fit, or is read by nothing. */
export function checkGatedHeads(config: Required<GatedHeadsConfig>): SettingIssue | undefined {
  return (
    sharedEvenly(config, 'kvHeads', 'heads') ??
    unreadTaps(config) ??
    (config.outputGate ? undefined : unread(config, 'outputGate: false', { gateActivation: 'silu' }))
  );
}

/** P, heads of keys and values. */
export function kvHeadsOf({ heads, kvHeads }: Required<GatedHeadsConfig>): number {
  return (kvHeads as number | undefined) ?? heads;
}

/** Specs of {@link GatedHeadsParams}. */
export function gatedHeadsParams(config: Required<GatedHeadsConfig>, D: number): ParamSpecs<GatedHeadsParams> {
  const { heads: H, keyDim: K, valueDim: V } = config;
  const P = kvHeadsOf(config);
  return {
    q_proj: linearWeight(H * K, D),
    k_proj: linearWeight(P * K, D),
    v_proj: linearWeight(P * V, D),
    ...(config.outputGate && { g_proj: linearWeight(H * V, D) }),
    o_proj: linearWeight(D, H * V),
    ...tapParams(H * K + P * (K + V), config),
    ...(config.normWeight && { o_norm: { shape: [V], init: constant(1) } }),
  };
}

/** Shapes of {@link GatedHeadsState} without the batch. */
export function gatedHeadsState(config: Required<GatedHeadsConfig>): { conv: number[]; S: number[] } {
  const { heads: H, keyDim: K, valueDim: V, convolution } = config;
  return { conv: [historyRows(convolution), H * K + kvHeadsOf(config) * (K + V)], S: [H, K, V] };
}

/** Queries `[B, n, H, K]`, keys `[B, n, P, K]` and values `[B, n, P, V]`, and the history after them. */
export function gatedHeadsStreams(
  p: GatedHeadsParams,
  config: Required<GatedHeadsConfig>,
  x: Tensor,
  history: Tensor,
  entries: Entries,
): { q: Tensor; k: Tensor; v: Tensor; history: PartAfter } {
  const P = kvHeadsOf(config);
  const stream = (weight: Tensor, heads: number): Stream => ({
    x: linear(x, weight),
    heads,
    activation: p.conv ? 'silu' : 'identity',
  });
  const made = convolveStreams(
    [stream(p.q_proj, config.heads), stream(p.k_proj, P), stream(p.v_proj, P)],
    tapsOf(p),
    history,
    entries,
  );
  const [q, k, v] = made.y as [Tensor, Tensor, Tensor];
  return { q, k, v, history: made.history };
}

/** The heads' outputs `o [B, n, H, V]`, normalised, gated and projected. */
export function gatedHeadsOutput(
  p: GatedHeadsParams,
  config: Required<GatedHeadsConfig>,
  x: Tensor,
  o: Tensor,
): Tensor {
  return headOutput(o, {
    o_proj: p.o_proj,
    norm: { weight: p.o_norm, eps: config.normEps },
    gate: p.g_proj && { x: linear(x, p.g_proj), activation: config.gateActivation },
  });
}
