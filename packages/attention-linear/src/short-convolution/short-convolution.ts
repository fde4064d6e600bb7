import { linear } from '@tessera/ops';
import type { MixerFactory } from '@tessera/plugin';
import { bias, bool, fields, int, linearWeight, normal } from '@tessera/plugin';
import { mul, split } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import { afterEach, convolve } from '../layer/convolve-streams.ts';
import { recurrentMixer } from '../layer/recurrent-mixer.ts';

/** Settings of {@link shortConvolution}. */
export interface ShortConvolutionConfig {
  /** J, taps of the convolution. @defaultValue 3 */
  readonly kernel?: number;
  /** Biases of both maps and of the convolution. @defaultValue false */
  readonly bias?: boolean;
}

/** Learned tensors of {@link shortConvolution}. */
export interface ShortConvolutionParams {
  /** `[3 D, D]`: input gate, output gate, value. */
  readonly in_proj: Tensor;
  /** `[D, J]` */
  readonly conv: Tensor;
  /** `[D, D]` */
  readonly out_proj: Tensor;
  /** `[3 D]` */
  readonly in_bias?: Tensor;
  /** `[D]` */
  readonly conv_bias?: Tensor;
  /** `[D]` */
  readonly out_bias?: Tensor;
}

/** State of {@link shortConvolution}. */
export interface ShortConvolutionState {
  /** The last J − 1 gated inputs, `[B, J − 1, D]`. */
  readonly conv: Tensor;
}

/**
 * Gated short convolution, as in LFM2: [b, c, z] = x W_in; y = (c ⊙ conv(b ⊙ z)) W_out with a depthwise causal convolution of
 * a few taps and no activation.
 * @see Liquid AI 2025, "LFM2 technical report", arXiv:2511.23404.
 */
export const shortConvolution: MixerFactory<ShortConvolutionConfig, ShortConvolutionParams, ShortConvolutionState> =
  recurrentMixer<ShortConvolutionConfig, ShortConvolutionParams, ShortConvolutionState>({
    name: '@tessera/attention-linear:short-convolution',
    config: fields<ShortConvolutionConfig>(
      { kernel: int({ min: 1, default: 3 }), bias: bool({ default: false }) },
      { default: {} },
    ),
    params: ({ config: { kernel: J, bias: biased }, dModel: D }) => ({
      in_proj: linearWeight(3 * D, D),
      conv: { shape: [D, J], init: normal(J ** -0.5), precise: true },
      out_proj: linearWeight(D, D),
      ...(biased && { in_bias: bias(3 * D), conv_bias: bias(D), out_bias: bias(D) }),
    }),
    state: ({ config: { kernel }, dModel }) => ({ conv: [kernel - 1, dModel] }),
    run({ params: p, x, entries }, state) {
      const D = x.shape[2]!;
      const [b, c, z] = split(linear(x, p.in_proj, p.in_bias), 2, [D, D, D]);
      const gated = mul(b!, z!);
      const { y, history } = convolve(gated, { weight: p.conv, bias: p.conv_bias }, state.conv, entries);
      return {
        y: linear(mul(c!, y), p.out_proj, p.out_bias),
        state: { conv: afterEach(history, { before: state.conv, x: gated }, entries) },
      };
    },
  });
