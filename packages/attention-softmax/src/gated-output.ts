import { headParams, headSizes, projectOutput } from '@tessera/head-projections';
import { linear } from '@tessera/ops';
import type { ParamSpecs } from '@tessera/plugin';
import { bias, linearWeight } from '@tessera/plugin';
import { mul, reshape, sigmoid } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import type { AttentionConfig, AttentionParams } from './attention-config.ts';

/** Shapes of the learned tensors, those of the output gate and of sinks among them. */
export function attentionParams(site: {
  readonly config: Required<AttentionConfig>;
  readonly dModel: number;
}): ParamSpecs<AttentionParams> {
  const { config, dModel: D } = site;
  const { heads, headDim } = headSizes(config, D);
  return {
    ...headParams(site),
    ...(config.outputGate && {
      g_proj: linearWeight(heads * headDim, D),
      ...(config.qkvBias && { g_bias: bias(heads * headDim) }),
    }),
    ...(config.sinkLogits === 'learned' && { sink_logits: bias(heads) }),
  };
}

/** Output map of the heads `o [B, n, H, d]` after the gate σ(x W_gᵀ), if there is one: `[B, n, D]`. */
export function gatedOutput(params: AttentionParams, x: Tensor, o: Tensor): Tensor {
  if (!params.g_proj) return projectOutput(params, o);
  return projectOutput(params, mul(o, reshape(sigmoid(linear(x, params.g_proj, params.g_bias)), o.shape)));
}
