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
}

/** Gated delta net with one short convolution over queries, keys and values. */
export function gatedDeltaNetPart(settings: GatedDeltaNetSettings): PublishedPart<MixerSpec> {
  const { convolutionActivation, negativeEigenvalues, ...sizes } = settings;
  return {
    spec: {
      type: '@tessera/attention-linear:gated-delta-net',
      config: {
        ...sizes,
        ...(convolutionActivation !== 'silu' && { convolutionActivation }),
        ...(negativeEigenvalues && { negativeEigenvalues }),
      },
    },
    rules: (present) => [
      ...['q', 'k', 'v', 'a', 'b', 'g', 'o'].map((name): TensorRule => ({
        kind: 'rename',
        published: `${name}_proj.weight`,
        ours: `${name}_proj`,
      })),
      convolutionRule(settings, present),
      { kind: 'rename', published: 'A_log', ours: 'A_log' },
      { kind: 'rename', published: 'dt_bias', ours: 'dt_bias' },
      { kind: 'rename', published: 'o_norm.weight', ours: 'o_norm' },
    ],
  };
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
