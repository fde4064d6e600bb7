import type { MixerSpec, TensorRule } from '@tessera/plugin';
import type { PresentBelow, PublishedPart } from '../published-model.ts';

/** Settings of a Kimi delta attention in a spec. */
export interface KimiDeltaAttentionSettings {
  readonly heads: number;
  readonly headDim: number;
  readonly convolution: number;
  readonly convolutionActivation: string;
  /** Of the norm of the output. */
  readonly normEps: number;
}

/**
 * Kimi delta attention. Files hold the convolutions apart and the decay beside the projections, or, as the published code has
 * them in memory, the convolutions in one and the decay in a `forget_gate`.
 */
export function kimiDeltaAttentionPart(settings: KimiDeltaAttentionSettings): PublishedPart<MixerSpec> {
  const { heads, headDim, convolution, convolutionActivation, normEps } = settings;
  return {
    spec: {
      type: '@tessera/attention-linear:kimi-delta-attention',
      config: {
        keyHeads: heads,
        keyDim: headDim,
        valueDim: headDim,
        convolution,
        ...(convolutionActivation !== 'silu' && { convolutionActivation }),
        ...(normEps !== 1e-5 && { normEps }),
      },
    },
    rules: (present) => [
      ...['q', 'k', 'v', 'b', 'g_a', 'g_b', 'o'].map((name) => rename(`${name}_proj.weight`, `${name}_proj`)),
      convolutionRule(heads * headDim, present),
      ...decayRules(present),
      rename('o_norm.weight', 'o_norm'),
    ],
  };
}

function convolutionRule(width: number, present: PresentBelow): TensorRule {
  const whole = 'conv1d.weight';
  if (present(whole)) return { kind: 'rename', published: whole, ours: 'conv', squeezed: 1 };
  const published = ['q_conv1d.weight', 'k_conv1d.weight', 'v_conv1d.weight'];
  return {
    kind: 'regroup',
    published,
    rows: published.map(() => width),
    ours: ['conv'],
    sizes: [3 * width],
    squeezed: 1,
  };
}

function decayRules(present: PresentBelow): TensorRule[] {
  const above = present('forget_gate.A_log') ? 'forget_gate.' : '';
  const isList = present(`${above}A_log`)?.length === 1;
  return [
    rename(`${above}f_a_proj.weight`, 'f_a_proj'),
    rename(`${above}f_b_proj.weight`, 'f_b_proj'),
    rename(`${above}dt_bias`, 'dt_bias'),
    { kind: 'rename', published: `${above}A_log`, ours: 'A_log', ...(!isList && { squeezed: [0, 1, 3] }) },
  ];
}

function rename(published: string, ours: string): TensorRule {
  return { kind: 'rename', published, ours };
}
