import type { MixerSpec, TensorRule } from '@tessera/plugin';
import type { PublishedPart } from '../published-model.ts';
import { compact } from './attention-settings.ts';
import type { HeadSizes } from './attention-settings.ts';
import type { LatentRotarySettings } from './latent-attention-part.ts';

/** Settings of a grouped-tied attention in a spec. */
export interface TiedAttentionSettings extends HeadSizes {
  /** Width of the shared key. */
  readonly rotaryDim: number;
  readonly rotary?: LatentRotarySettings | undefined;
  readonly qkvBias?: boolean;
  readonly sharedKeyBias?: boolean;
  readonly outputBias?: boolean;
}

/** Grouped-tied attention under the names of its authors. */
export function tiedAttentionPart(settings: TiedAttentionSettings): PublishedPart<MixerSpec> {
  const { qkvBias, sharedKeyBias, outputBias } = settings;
  return {
    spec: { type: '@tessera/attention-latent:grouped-tied-attention', config: compact(settings) },
    rules: () => [
      ...map('q_proj', 'q', qkvBias),
      ...map('kv_proj', 'kv', qkvBias),
      ...map('W_rope_k', 'k_rope', sharedKeyBias),
      ...map('o_proj', 'o', outputBias),
    ],
  };
}

function map(published: string, ours: string, bias = false): TensorRule[] {
  return [
    { kind: 'rename', published: `${published}.weight`, ours: `${ours}_proj` },
    ...(bias ? [{ kind: 'rename', published: `${published}.bias`, ours: `${ours}_bias` } as const] : []),
  ];
}
