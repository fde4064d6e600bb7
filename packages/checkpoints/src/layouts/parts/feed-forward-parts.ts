import type { TensorRule } from '@tessera/plugin';
import type { PublishedPart } from '../published-model.ts';

/** Settings of a feed-forward. */
export interface FeedForwardSettings {
  readonly hidden: number;
  readonly activation: string;
  readonly bias?: boolean;
}

/** Names of the three maps of a gated feed-forward, or of the one that holds gate and up together. */
export type GatedTensors =
  | { readonly gate: string; readonly up: string; readonly down: string }
  | { readonly gateUp: string; readonly down: string };

/** Gated feed-forward. */
export function gatedPart(
  { hidden, activation, bias }: FeedForwardSettings,
  tensors: GatedTensors = { gate: 'gate_proj', up: 'up_proj', down: 'down_proj' },
): PublishedPart {
  const kinds = bias ? (['weight', 'bias'] as const) : (['weight'] as const);
  return {
    spec: {
      type: '@tessera/feedforward:gated',
      config: { hidden, ...(activation !== 'silu' && { activation }), ...(bias && { bias }) },
    },
    rules: () =>
      kinds.flatMap((kind): TensorRule[] => {
        const suffix = kind === 'weight' ? 'proj' : 'bias';
        const down = { kind: 'rename', published: `${tensors.down}.${kind}`, ours: `down_${suffix}` } as const;
        const [gateName, upName] = [`gate_${suffix}`, `up_${suffix}`];
        return 'gateUp' in tensors
          ? [
              {
                kind: 'split',
                published: `${tensors.gateUp}.${kind}`,
                ours: [gateName, upName],
                sizes: [hidden, hidden],
              },
              down,
            ]
          : [
              { kind: 'rename', published: `${tensors.gate}.${kind}`, ours: gateName },
              { kind: 'rename', published: `${tensors.up}.${kind}`, ours: upName },
              down,
            ];
      }),
  };
}

/** Feed-forward of two maps with biases; `transposed`: weights are stored `[in, out]`. */
export function densePart(
  { hidden, activation }: FeedForwardSettings,
  { up, down, transposed }: { readonly up: string; readonly down: string; readonly transposed?: boolean },
): PublishedPart {
  return {
    spec: { type: '@tessera/feedforward:dense', config: { hidden, ...(activation !== 'gelu' && { activation }) } },
    rules: () => [
      { kind: 'rename', published: `${up}.weight`, ours: 'up_proj', ...(transposed && { transposed }) },
      { kind: 'rename', published: `${up}.bias`, ours: 'up_bias' },
      { kind: 'rename', published: `${down}.weight`, ours: 'down_proj', ...(transposed && { transposed }) },
      { kind: 'rename', published: `${down}.bias`, ours: 'down_bias' },
    ],
  };
}
