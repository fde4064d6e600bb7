import type { MixerSpec, TensorRule } from '@tessera/plugin';
import { compact } from '../parts/attention-settings.ts';

/** Grouped linear attention with these settings. */
export function groupedMixer(settings: object): MixerSpec {
  return { type: '@tessera/attention-linear:grouped-linear-attention', config: compact(settings) };
}

/** The masked convolution of values, `[H, 1, kernel, 1]`, of which the first half and the middle count. */
export function maskedTaps(published: string, kernel: number): TensorRule {
  return { kind: 'taps', published, ours: 'conv', taps: Math.ceil(kernel / 2), length: kernel };
}

/** Maps of queries, keys, values and the output under the names that llama has. */
export function projectionRules({ bias }: { readonly bias: boolean }): TensorRule[] {
  return ['q', 'k', 'v', 'o'].flatMap((name): TensorRule[] => [
    { kind: 'rename', published: `${name}_proj.weight`, ours: `${name}_proj` },
    ...(bias ? [{ kind: 'rename', published: `${name}_proj.bias`, ours: `${name}_bias` } as const] : []),
  ]);
}
