import type { CheckpointLayout, TensorRule } from '@tessera/plugin';
import { map, mosaicLayout, mosaicMemory, mosaicNorm, rename } from './memory-mosaics-layout.ts';

/** Largest κ, and largest 2κ, of the published code: keys fit into halves. */
const maxKeyScale = Math.log(65_535);

/** Scalars of heads are published as `[1, H, 1, 1]`. */
const ones = [0, 2, 3];

function keys(bias: boolean): TensorRule[] {
  return [
    ...map('k_featurizer.W_k', 'k', bias),
    rename('k_featurizer.leaky_avg.leaky_key_beta', 'leak', ones),
    rename('k_featurizer.key_scale', 'key_scale', ones),
    ...map('c_proj', 'o', bias),
  ];
}

/**
 * Memory Mosaics as the authors' nanoMosaics have them, for characters and for small models. Its parameters are the fields of its
 * config.
 * @see Zhang et al. 2024, arXiv:2405.06394
 */
export const memoryMosaicsNano: CheckpointLayout = mosaicLayout({
  modelType: 'memory_mosaics_nano',
  defaults: { vocabSize: 50_304, positions: 1024, bias: true },
  read(reader, { heads, slots, stores, bias }) {
    // A kernel for the same.
    reader.inert(['leaky_cuda']);
    const dropout = reader.dropout('dropout');
    const shared = { heads, bias, dropout, maxKeyScale };
    return {
      block: [
        {
          mixerNorm: mosaicNorm('ln_1', bias),
          mixer: mosaicMemory('attn', 'contextual-memory', shared, [
            ...keys(bias),
            ...map('v_featurizer.W_v', 'v', bias),
            rename('v_featurizer.coef', 'peek', ones),
            rename('v_featurizer.val_scale', 'value_scale', ones),
          ]),
        },
        {
          mixerNorm: mosaicNorm('ln_2', bias),
          mixer: mosaicMemory('mlp', 'persistent-memory', { ...shared, slots, stores }, [
            ...keys(bias),
            rename('P_k', 'stored_keys', 1),
            rename('P_v', 'stored_values', 1),
            rename('out_scale', 'value_scale', ones),
          ]),
        },
      ],
      prefix: 'mosaic.',
      embeddingName: 'wte.weight',
      headName: 'lm_head.weight',
      layersName: 'h',
      finalNorm: mosaicNorm('ln_f', bias),
      tied: true,
      embeddingDropout: dropout,
      residualDropout: dropout,
    };
  },
  // The causal mask and the exponents of the leak, which follow from the config.
  ignored: [/(?:^|\.)h\.\d+\.attn\.bias$/, /(?:^|\.)leaky_avg\.coef$/],
});
