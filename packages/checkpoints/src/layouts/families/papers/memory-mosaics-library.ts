import type { CheckpointLayout, TensorRule } from '@tessera/plugin';
import type { ConfigReader } from '../../config-reader.ts';
import { map, mosaicLayout, mosaicMemory, mosaicNorm, rename } from './memory-mosaics-layout.ts';
import type { MosaicLayer, MosaicSizes } from './memory-mosaics-layout.ts';

/** Largest κ of the published code, so that keys fit into halves. */
const maxKeyScale = 5;

/** How features of entries are made, by the words of the config: one map mixed with itself, or a map for each tap. */
const extractors: ReadonlyMap<string, 'mixed' | 'taps'> = new Map([
  ['linearconv', 'taps'],
  ['lowrlinearconv', 'mixed'],
]);

/** Taps of the maps of keys or of values; undefined: one map, mixed. */
function readTaps(reader: ConfigReader, which: 'k' | 'v', type: string, kernel: number): number | undefined {
  const mixed = reader.word(`${which}_fe_type`, type, extractors) === 'mixed';
  const key = `${which}_kernel_size`;
  const taps = reader.int(key, kernel, { max: 1024 });
  if (mixed && taps !== 2) throw reader.refused(key, `2 where ${which}_fe_type is 'lowrlinearconv'`);
  return mixed ? undefined : taps;
}

function featurizer(which: 'k' | 'v', taps: number | undefined, bias: boolean): TensorRule[] {
  const ours = `${which}`;
  if (taps === undefined) return map(`${which}_featurizer.linear`, ours, bias);
  return map(`${which}_featurizer.conv`, ours, bias, taps === 1 ? 2 : undefined);
}

function scalars(): TensorRule[] {
  return [rename('leaky_key_beta', 'leak'), rename('kernel_beta', 'key_scale'), rename('value_beta', 'value_scale')];
}

function stores(kind: 'k' | 'v', ours: string, count: number): TensorRule {
  const published = Array.from({ length: count }, (_, store) => `pmem.M_${kind}${store}`);
  if (count === 1) return rename(published[0]!, ours);
  return { kind: 'regroup', published, rows: published.map(() => 1), ours: [ours], sizes: [count] };
}

function readBlock(reader: ConfigReader, { heads, slots, stores: count, bias }: MosaicSizes): MosaicLayer[] {
  const keyTaps = readTaps(reader, 'k', 'linearconv', 1);
  const valueTaps = readTaps(reader, 'v', 'lowrlinearconv', 2);
  const lookAhead = reader.int('v_shift', 1, { min: 0, max: 1024 });
  const dropout = reader.dropout('ic_dropout', 0.05);
  // The published code divides by norms as they are.
  const shared = { heads, keyTaps: keyTaps ?? 1, bias, dropout };
  const residual = reader.bool('pre_ln', true) ? undefined : ('normed' as const);
  const keys = [...featurizer('k', keyTaps, bias), ...scalars(), ...map('c_proj', 'o', bias)];
  const contextual: MosaicLayer = {
    mixerNorm: mosaicNorm('ln1', bias),
    mixer: mosaicMemory('attn', 'contextual-memory', { ...shared, lookAhead, valueTaps, maxKeyScale }, [
      ...keys,
      ...featurizer('v', valueTaps, bias),
      ...(valueTaps === undefined ? [rename('v_featurizer.coef', 'peek')] : []),
    ]),
    ...(residual && { residual }),
  };
  const persistent: MosaicLayer = {
    mixerNorm: mosaicNorm('ln2', bias),
    mixer: mosaicMemory(
      'pmem',
      'persistent-memory',
      { ...shared, slots, stores: count, maxKeyScale: 2 * maxKeyScale },
      [...keys, stores('k', 'stored_keys', count), stores('v', 'stored_values', count)],
    ),
    ...(residual && { residual }),
  };
  return reader.bool('attn_only', false) ? [contextual] : [contextual, persistent];
}

/**
 * Memory Mosaics as the authors' library has them, for language. Its parameters are the fields of its constructor.
 * @see Zhang et al. 2024, arXiv:2405.06394
 */
export const memoryMosaicsLibrary: CheckpointLayout = mosaicLayout({
  modelType: 'memory_mosaics_library',
  defaults: { vocabSize: 50_257, positions: 512, bias: false },
  read(reader, sizes) {
    // Of the loss alone.
    reader.inert(['skip_tokens']);
    return {
      block: readBlock(reader, sizes),
      prefix: '',
      embeddingName: 'emb.weight',
      headName: 'head.weight',
      layersName: 'blocks',
      finalNorm: mosaicNorm('ln_out', sizes.bias),
      tied: reader.bool('weight_tying', true),
      multiplier: sizes.dModel ** -0.5,
      residualDropout: reader.dropout('hd_dropout', 0.05),
    };
  },
  // Of a mixture of a map with itself: no number of it changes anything.
  ignored: [/(?:^|\.)k_featurizer\.coef$/],
});
