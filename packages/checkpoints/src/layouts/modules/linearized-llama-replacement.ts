import type { TensorRule } from '@tessera/plugin';
import { ConfigReader } from '../config-reader.ts';
import { groupedMixer, maskedTaps, projectionRules } from './grouped-module.ts';
import type { ModuleLayout } from './module-layout.ts';

/** A flag of the environment, 0 or 1. */
function flag(flags: ConfigReader | undefined, name: string): boolean {
  return (flags?.int(name, 0, { min: 0, max: 1 }) ?? 0) === 1;
}

/** Attention that the official code puts in place of llama's (`experiments/llama_attn_replace.py`); flags are those of its environment. */
export const linearizedLlamaReplacement: ModuleLayout = {
  modelType: 'linearized_llama_replace',
  read(config) {
    const reader = new ConfigReader(config, 'linearized_llama_replace');
    reader.inert(['model_type']);
    const heads = reader.int('num_heads', 32, { max: 65_536 });
    const kvHeads = reader.int('num_kv_heads', heads, { max: 65_536 });
    if (heads % kvHeads !== 0) throw reader.wrong('num_kv_heads', `a divisor of num_heads = ${heads}, not ${kvHeads}`);
    const headDim = reader.int('head_dim', 128, { max: 65_536 });
    const group = reader.int('GROUP_SIZE', 64);
    const kernel = reader.int('conv_kernel', 63, { max: 65_535 });
    if (kernel % 2 === 0) throw reader.refused('conv_kernel', 'an odd number, whose middle tap is the own token');
    const theta = reader.number('rope_theta', 10_000, { min: 1 });
    const flags = reader.record('flags');
    const global = flag(flags, 'USE_GLOBAL');
    const [normed, together] = [flag(flags, 'NORM_GLOBAL'), flag(flags, 'NORM_TOGETHER')];
    // Without the groups before, the code reads none of their settings.
    const normGlobal = global && normed;
    const [learnsLocal, learnsGlobal] = [flag(flags, 'LOCAL_FACTOR') && global, flag(flags, 'GLOBAL_FACTOR') && global];
    const [convolved, castling] = [flag(flags, 'ADD_CONV'), flag(flags, 'USE_CASTLING')];
    if (convolved && castling)
      throw flags!.refused('USE_CASTLING', '0 where ADD_CONV is 1, which adds the convolution again');
    const collisions = flag(flags, 'USE_YOSO');
    const hashBits = flags?.int('HASHCODE_LEN', 8, { max: 64 });
    // Other forwards of the file read these, and how a convolution begins.
    flags?.inert(['USE_LOCAL', 'USE_LINEAR', 'NORM_LOCAL', 'NOSHIFT', 'SPLIT', 'ZERO_CONV']);
    flags?.finish();
    reader.finish();
    const convolution = convolved || castling;
    const factor = (part: string): TensorRule => ({
      kind: 'rename',
      published: `${part}_factor`,
      ours: `${part}_factor`,
    });
    return {
      dModel: heads * headDim,
      mixer: groupedMixer({
        heads,
        kvHeads,
        headDim,
        rotary: { theta },
        group,
        parts: global ? undefined : 'local',
        convolution: convolution ? Math.ceil(kernel / 2) : 0,
        normGlobal,
        normTogether: together ? 'head' : undefined,
        castling,
        ...(collisions && { weights: 'collisions', hashBits }),
        learnedFactors: learnsLocal ? (learnsGlobal ? 'both' : 'local') : learnsGlobal ? 'global' : undefined,
      }),
      rules: [
        ...projectionRules({ bias: false }),
        ...(learnsLocal ? [factor('local')] : []),
        ...(learnsGlobal ? [factor('global')] : []),
        ...(convolution ? [maskedTaps('dwconv.weight', kernel)] : []),
      ],
      ignored: [
        /(?:^|\.)inv_freq$/,
        /^conv_mask$/,
        ...(learnsLocal ? [] : [/^local_factor$/]),
        ...(learnsGlobal ? [] : [/^global_factor$/]),
        ...(convolution ? [] : [/^dwconv\.weight$/]),
      ],
    };
  },
};
