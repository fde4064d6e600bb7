import { linear } from '@tessera/ops';
import type { Call, MixerFactory } from '@tessera/plugin';
import {
  bias,
  bool,
  defineMixer,
  fields,
  int,
  linearWeight,
  normal,
  refuseSegments,
  zeroInvalid,
} from '@tessera/plugin';
import { mul, split, zeros } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import { alignEntries } from '../align-entries.ts';
import { convolveOn } from '../convolution-state.ts';

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

const name = '@tessera/attention-linear:short-convolution';

function run(
  call: Call<ShortConvolutionConfig, ShortConvolutionParams>,
  state: ShortConvolutionState,
): { y: Tensor; state: ShortConvolutionState } {
  refuseSegments(name, call);
  const { params, lengths } = call;
  const [, n, D] = call.x.shape as [number, number, number];
  const rows = alignEntries(call, n);
  const [b, c, z] = split(linear(rows.align(call.x), params.in_proj, params.in_bias), 2, [D, D, D]);
  const input = zeroInvalid(mul(b!, z!), rows.valid);
  const { y, history } = convolveOn(input, params.conv, state.conv, lengths, params.conv_bias);
  return { y: rows.restore(linear(mul(c!, y), params.out_proj, params.out_bias)), state: { conv: history } };
}

/**
 * Gated short convolution, as in LFM2: [b, c, z] = x W_in; y = (c ⊙ conv(b ⊙ z)) W_out with a depthwise causal convolution of
 * a few taps and no activation.
 * @see Liquid AI 2025, "LFM2 technical report", arXiv:2511.23404.
 */
export const shortConvolution: MixerFactory<ShortConvolutionConfig, ShortConvolutionParams, ShortConvolutionState> =
  defineMixer({
    contract: 'sequence-mixer/1',
    name,
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
    forward: (call) => ({
      y: run(call, { conv: zeros([call.x.shape[0]!, call.config.kernel - 1, call.x.shape[2]!]) }).y,
    }),
    decoding: {
      memory: ({ config, dModel, batch }) => ({ growth: 'constant', bytes: 4 * batch * (config.kernel - 1) * dModel }),
      init: ({ config, dModel, batch }) => ({ conv: zeros([batch, config.kernel - 1, dModel]) }),
      step: (call) => run(call, call.state),
    },
  });
