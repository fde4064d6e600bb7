import type { MixerSpec, TensorRule } from '@tessera/plugin';
import type { PresentBelow, PublishedPart } from '../published-model.ts';

/** Settings of a gated delta net in a spec. */
export interface GatedDeltaNetSettings {
  readonly keyHeads: number;
  readonly valueHeads: number;
  readonly keyDim: number;
  readonly valueDim: number;
  readonly convolution: number;
  readonly convolutionActivation: string;
  readonly negativeEigenvalues: boolean;
  /** @defaultValue 1e-5 */
  readonly normEps?: number;
}

/**
 * How the projections are published: one tensor each, or, for the heads of one key after those of the other, queries, keys,
 * values and gates in one and strengths and decays in another.
 */
export type GatedDeltaNetTensors = 'apart' | 'by-key-head';

/** Gated delta net with one short convolution over queries, keys and values. */
export function gatedDeltaNetPart(
  settings: GatedDeltaNetSettings,
  tensors: GatedDeltaNetTensors = 'apart',
): PublishedPart<MixerSpec> {
  const { convolutionActivation, negativeEigenvalues, normEps = 1e-5, ...sizes } = settings;
  return {
    spec: {
      type: '@tessera/attention-linear:gated-delta-net',
      config: {
        ...sizes,
        ...(convolutionActivation !== 'silu' && { convolutionActivation }),
        ...(negativeEigenvalues && { negativeEigenvalues }),
        ...(normEps !== 1e-5 && { normEps }),
      },
    },
    rules: (present) => [
      ...(tensors === 'apart' ? apartRules(settings, present) : byKeyHeadRules(settings)),
      { kind: 'rename', published: 'A_log', ours: 'A_log' },
      { kind: 'rename', published: 'dt_bias', ours: 'dt_bias' },
    ],
  };
}

function apartRules(settings: GatedDeltaNetSettings, present: PresentBelow): TensorRule[] {
  return [
    ...['q', 'k', 'v', 'a', 'b', 'g', 'o'].map((name): TensorRule => ({
      kind: 'rename',
      published: `${name}_proj.weight`,
      ours: `${name}_proj`,
    })),
    convolutionRule(settings, present),
    { kind: 'rename', published: 'o_norm.weight', ours: 'o_norm' },
  ];
}

function byKeyHeadRules({ keyHeads, valueHeads, keyDim, valueDim }: GatedDeltaNetSettings): TensorRule[] {
  const perKey = valueHeads / keyHeads;
  const blocks = keyHeads;
  return [
    {
      kind: 'split',
      published: 'in_proj_qkvz.weight',
      ours: ['q_proj', 'k_proj', 'v_proj', 'g_proj'],
      sizes: [keyDim, keyDim, perKey * valueDim, perKey * valueDim],
      blocks,
    },
    { kind: 'split', published: 'in_proj_ba.weight', ours: ['b_proj', 'a_proj'], sizes: [perKey, perKey], blocks },
    { kind: 'rename', published: 'conv1d.weight', ours: 'conv', squeezed: 1 },
    { kind: 'rename', published: 'norm.weight', ours: 'o_norm' },
    { kind: 'rename', published: 'out_proj.weight', ours: 'o_proj' },
  ];
}

/**
 * The published convolutions are one, whose channels are those of queries, keys and values in this order, as ours. Files hold it
 * whole, cut at these borders, or in three pieces of nearly equal length, whatever their names say: only the order counts.
 */
function convolutionRule(
  { keyHeads, valueHeads, keyDim, valueDim }: GatedDeltaNetSettings,
  present: PresentBelow,
): TensorRule {
  const cut = [keyHeads * keyDim, keyHeads * keyDim, valueHeads * valueDim];
  const ours = ['conv'];
  const sizes = [sum(cut)];
  const whole = 'conv1d.weight';
  if (present(whole)) return { kind: 'regroup', published: [whole], rows: sizes, ours, sizes, squeezed: 1 };
  const published = ['q_conv1d.weight', 'k_conv1d.weight', 'v_conv1d.weight'];
  const found = published.map((name) => present(name)?.[0]);
  const rows = found.every((count) => count !== undefined) && sum(found) === sum(cut) ? found : cut;
  return { kind: 'regroup', published, rows, ours, sizes, squeezed: 1 };
}

function sum(sizes: readonly number[]): number {
  return sizes.reduce((total, size) => total + size, 0);
}
