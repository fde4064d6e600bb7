import type { ParamSpec } from '@tessera/plugin';
import { bias, normal } from '@tessera/plugin';
import type { Tensor } from '@tessera/tensor-core';
import type { Taps } from './convolve-streams.ts';

/** Learned taps of a layer's convolutions; absent without convolutions. */
export interface TapParams {
  /** `[C, J]`: over queries, keys and values. */
  readonly conv?: Tensor;
  /** `[C]` */
  readonly conv_bias?: Tensor;
}

/** Settings of a layer's convolutions. */
export interface TapConfig {
  readonly convolution: number;
  readonly convolutionBias: boolean;
}

/** Specs of {@link TapParams} over `C` channels. */
export function tapParams(C: number, { convolution: J, convolutionBias }: TapConfig): Record<string, ParamSpec> {
  if (J === 0) return {};
  return {
    conv: { shape: [C, J], init: normal(J ** -0.5), precise: true },
    ...(convolutionBias && { conv_bias: bias(C) }),
  };
}

/** Rows of history that so many taps need. */
export function historyRows(J: number): number {
  return Math.max(J - 1, 0);
}

/** The taps among parameters; undefined without convolutions. */
export function tapsOf({ conv, conv_bias }: TapParams): Taps | undefined {
  return conv && { weight: conv, bias: conv_bias };
}
