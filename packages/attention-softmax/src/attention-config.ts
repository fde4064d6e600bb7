import type { HeadParams, HeadsConfig } from '@tessera/head-projections';
import { headFields } from '@tessera/head-projections';
import { bool, fields, int, number, oneOf, optional } from '@tessera/plugin';
import type { Field } from '@tessera/plugin';
import type { Tensor } from '@tessera/tensor-core';

/** Settings that causal and bidirectional attention share. */
export interface AttentionConfig extends HeadsConfig {
  /** Factor of the dot products. @defaultValue headDim^−½ */
  readonly scale?: number;
  /** A position sees others at a distance below this. @defaultValue no limit */
  readonly window?: number;
  /** c: scores become c · tanh(score / c). @defaultValue none */
  readonly softCap?: number;
  /**
   * One more key of each head, which every position sees and whose value is zero: a place for weight that nothing asks for. `learned`: its
   * score is a parameter of the head; `zero`: it is 0, which makes softmax off by one, e^s / (1 + Σ e^s). @defaultValue none
   */
  readonly sinkLogits?: 'learned' | 'zero';
  /** Each element of what the heads give is multiplied by σ(x W_gᵀ), with a bias where `qkvBias` is true. @defaultValue false */
  readonly outputGate?: boolean;
  /**
   * In training: probability with which a weight of attention is left out. All weights of a layer, `[B, heads, T, T]`, are then
   * in memory and kept for the way back, as without kernels of attention. @defaultValue 0
   */
  readonly dropout?: number;
}

/** Learned tensors of attention. H heads, G key and value heads of d elements. */
export interface AttentionParams extends HeadParams {
  /** `[H · d, D]`: the output gate. */
  readonly g_proj?: Tensor;
  /** `[H · d]` */
  readonly g_bias?: Tensor;
  /** `[H]`: scores of the sinks. */
  readonly sink_logits?: Tensor;
}

/** Schema of {@link AttentionConfig}. */
export const attentionConfig = fields<AttentionConfig>({
  ...headFields,
  scale: optional(number()),
  window: optional(int({ min: 1 })),
  softCap: optional(number({ min: 0 })),
  sinkLogits: optional(oneOf(['learned', 'zero'])) as Field<'learned' | 'zero' | undefined>,
  outputGate: bool({ default: false }),
  dropout: number({ min: 0, max: 1, default: 0 }),
}) as ReturnType<typeof fields<AttentionConfig>>;
