import type { TensorRule } from '@tessera/plugin';
import { ConfigReader } from '../config-reader.ts';
import { evenShare, widest } from '../decoder-fields.ts';
import { groupedMixer, maskedTaps } from './grouped-module.ts';
import type { ModuleLayout } from './module-layout.ts';

/** Which parts each flag of the code turns on. */
const flags: ReadonlyMap<string, 'both' | 'local' | 'global' | 'augmented'> = new Map([
  ['AUG', 'augmented'],
  ['BOTH_ATTN', 'both'],
  ['LOCAL_ATTN', 'local'],
  ['GLOBAL_ATTN', 'global'],
]);

/** Attention of GPT-2 as the official code makes it linear (`experiments/modeling_gpt2.py`); flags are those of its environment. */
export const linearizedGpt2Attention: ModuleLayout = {
  modelType: 'linearized_gpt2_attn',
  read(config, present) {
    const reader = new ConfigReader(config, 'linearized_gpt2_attn');
    reader.inert(['model_type']);
    const dModel = reader.int('hidden_size', 768, { max: widest });
    const heads = reader.int('num_heads', 12, { max: 65_536 });
    const headDim = evenShare(reader, 'hidden_size', dModel, heads);
    const group = reader.int('GROUP_SIZE', 64);
    const form = reader.word('flag', 'AUG', flags);
    reader.finish();
    const augmented = form === 'augmented';
    const kernel = present.get('dconv_ada.weight')?.[2] ?? 63;
    const sizes = [heads * headDim, heads * headDim, heads * headDim];
    const split = (kind: 'weight' | 'bias'): TensorRule => ({
      kind: 'split',
      published: `c_attn.${kind}`,
      ours: ['q', 'k', 'v'].map((name) => `${name}_${kind === 'weight' ? 'proj' : 'bias'}`),
      sizes,
      ...(kind === 'weight' && { transposed: true }),
    });
    return {
      dModel,
      mixer: groupedMixer({
        heads,
        headDim,
        qkvBias: true,
        outputBias: true,
        group,
        convolution: augmented ? Math.ceil(kernel / 2) : 0,
        ...(augmented ? { globalFactor: 0, learnedFactors: 'global' } : { parts: form }),
      }),
      rules: [
        split('weight'),
        split('bias'),
        { kind: 'rename', published: 'c_proj.weight', ours: 'o_proj', transposed: true },
        { kind: 'rename', published: 'c_proj.bias', ours: 'o_bias' },
        ...(augmented
          ? [
              { kind: 'rename', published: 'alpha', ours: 'global_factor' } as const,
              maskedTaps('dconv_ada.weight', kernel),
            ]
          : []),
      ],
      // The causal mask, and a convolution that nothing runs.
      ignored: [/^(?:masked_)?bias$/, /^dconv_ada2\.weight$/, ...(augmented ? [] : [/^alpha$/, /^dconv_ada\.weight$/])],
    };
  },
};
