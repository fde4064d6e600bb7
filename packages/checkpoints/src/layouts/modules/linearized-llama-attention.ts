import { ConfigReader } from '../config-reader.ts';
import { readHeads, widest } from '../decoder-fields.ts';
import { readRotary } from '../rotary-fields.ts';
import { groupedMixer, maskedTaps, projectionRules } from './grouped-module.ts';
import type { ModuleLayout } from './module-layout.ts';

/** Attention of llama as the official code speculates with it (`experiments/modeling_llama.py`). */
export const linearizedLlamaAttention: ModuleLayout = {
  modelType: 'linearized_llama_attn',
  read(config) {
    const reader = new ConfigReader(config, 'linearized_llama_attn');
    reader.inert(['model_type', 'pretraining_tp', 'slow_attn']);
    const dModel = reader.int('hidden_size', 4096, { max: widest });
    const heads = readHeads(reader, dModel, { heads: 32 });
    const maxPositions = reader.int('max_position_embeddings', 2048);
    const { rotary } = readRotary(reader, { headDim: heads.headDim, maxPositions });
    const bias = reader.bool('attention_bias', false);
    const kernel = reader.int('res_kernel_size', 63, { max: 65_535 });
    if (kernel % 2 === 0) throw reader.refused('res_kernel_size', 'an odd number, whose middle tap is the own token');
    const group = reader.int('group_size', 64);
    reader.unusedDropout('attention_dropout');
    reader.finish();
    return {
      dModel,
      mixer: groupedMixer({
        ...heads,
        rotary,
        qkvBias: bias,
        outputBias: bias,
        group,
        convolution: Math.ceil(kernel / 2),
      }),
      rules: [...projectionRules({ bias }), maskedTaps('dwconv.weight', kernel)],
      ignored: [/(?:^|\.)inv_freq$/, /^conv_mask$/],
    };
  },
};
