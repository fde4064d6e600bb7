import type { MixerSpec } from '@tessera/plugin';
import type { PublishedPart } from '../published-model.ts';

/** Settings of a lightning attention in a spec. */
export interface LightningAttentionSettings {
  readonly heads: number;
  readonly headDim: number;
  readonly activation: string;
  /** Of the norm of the output. */
  readonly normEps: number;
  /** ℓ and L, on which the slopes depend. */
  readonly layer: number;
  readonly layers: number;
}

/** Lightning attention; queries, keys and values are one tensor, head after head. */
export function lightningAttentionPart(settings: LightningAttentionSettings): PublishedPart<MixerSpec> {
  const { heads, headDim, activation, normEps } = settings;
  return {
    spec: {
      type: '@tessera/attention-linear:lightning-attention',
      config: {
        heads,
        keyDim: headDim,
        valueDim: headDim,
        slopes: slopesOf(settings),
        ...(activation !== 'silu' && { activation }),
        ...(normEps !== 1e-5 && { normEps }),
      },
    },
    rules: () => [
      {
        kind: 'split',
        published: 'qkv_proj.weight',
        ours: ['q_proj', 'k_proj', 'v_proj'],
        sizes: [headDim, headDim, headDim],
        blocks: heads,
      },
      { kind: 'rename', published: 'output_gate.weight', ours: 'g_proj' },
      { kind: 'rename', published: 'norm.weight', ours: 'o_norm' },
      { kind: 'rename', published: 'out_proj.weight', ours: 'o_proj' },
    ],
  };
}

/** s_h = 2^{−8 (h + 1) / H} · (1 − ℓ / (L − 1 + 1e−5) + 1e−5), see MiniMax 2025, arXiv:2501.08313. */
function slopesOf({ heads, layer, layers }: LightningAttentionSettings): number[] {
  const factor = 1 - layer / (layers - 1 + 1e-5) + 1e-5;
  return Array.from({ length: heads }, (_, h) => 2 ** ((-8 * (h + 1)) / heads) * factor);
}
