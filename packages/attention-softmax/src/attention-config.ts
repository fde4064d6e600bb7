import type { HeadParams, HeadsConfig } from '@tessera/head-projections';
import { headFields } from '@tessera/head-projections';
import { fields, int, number, optional } from '@tessera/plugin';

/** Settings that causal and bidirectional attention share. */
export interface AttentionConfig extends HeadsConfig {
  /** Factor of the dot products. @defaultValue headDim^−½ */
  readonly scale?: number;
  /** A position sees others at a distance below this. @defaultValue no limit */
  readonly window?: number;
  /** c: scores become c · tanh(score / c). @defaultValue none */
  readonly softCap?: number;
  /**
   * In training: probability with which a weight of attention is left out. All weights of a layer, `[B, heads, T, T]`, are then
   * in memory and kept for the way back, as without kernels of attention. @defaultValue 0
   */
  readonly dropout?: number;
}

/** Learned tensors of attention. H heads, G key and value heads of d elements. */
export type AttentionParams = HeadParams;

/** Schema of {@link AttentionConfig}. */
export const attentionConfig = fields<AttentionConfig>({
  ...headFields,
  scale: optional(number()),
  window: optional(int({ min: 1 })),
  softCap: optional(number({ min: 0 })),
  dropout: number({ min: 0, max: 1, default: 0 }),
}) as ReturnType<typeof fields<AttentionConfig>>;
