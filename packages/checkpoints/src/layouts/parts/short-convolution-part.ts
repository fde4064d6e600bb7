import type { MixerSpec, TensorRule } from '@tessera/plugin';
import type { PublishedPart } from '../published-model.ts';

/** Gated short convolution. */
export function shortConvolutionPart({
  kernel,
  bias,
}: {
  readonly kernel: number;
  readonly bias: boolean;
}): PublishedPart<MixerSpec> {
  return {
    spec: { type: '@tessera/attention-linear:short-convolution', config: { kernel, ...(bias && { bias }) } },
    rules: (): TensorRule[] => [
      { kind: 'rename', published: 'in_proj.weight', ours: 'in_proj' },
      { kind: 'rename', published: 'conv.weight', ours: 'conv', squeezed: 1 },
      { kind: 'rename', published: 'out_proj.weight', ours: 'out_proj' },
      ...(bias
        ? ['in_proj', 'conv', 'out_proj'].map((name): TensorRule => ({
            kind: 'rename',
            published: `${name}.bias`,
            ours: `${name.replace('_proj', '')}_bias`,
          }))
        : []),
    ],
  };
}
