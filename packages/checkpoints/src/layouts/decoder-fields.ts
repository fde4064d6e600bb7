import type { ConfigReader } from './config-reader.ts';
import type { HeadSizes } from './parts/attention-settings.ts';

/** Most layers that a config may ask for; published models have up to about 130. */
export const mostLayers = 1024;

/** Widest stream or feed-forward that a config may ask for. */
export const widest: number = 2 ** 22;

/** Largest vocabulary that a config may ask for. */
export const mostTokens: number = 2 ** 24;

/** Sizes that all decoders have. */
export interface DecoderSizes {
  readonly vocabSize: number;
  readonly dModel: number;
  readonly layers: number;
  readonly maxPositions: number;
}

/** Sizes under their usual names, with the family's defaults. */
export function readDecoderSizes(reader: ConfigReader, defaults: DecoderSizes): DecoderSizes {
  return {
    vocabSize: reader.int('vocab_size', defaults.vocabSize, { max: mostTokens }),
    dModel: reader.int('hidden_size', defaults.dModel, { max: widest }),
    layers: reader.int('num_hidden_layers', defaults.layers, { max: mostLayers }),
    maxPositions: reader.int('max_position_embeddings', defaults.maxPositions),
  };
}

/** Defaults of head sizes: `kvHeads` and `headDim` absent mean that they follow from the others. */
export interface HeadDefaults {
  readonly heads: number;
  readonly kvHeads?: number;
  readonly headDim?: number;
}

/** Head sizes under their usual names. Null stands for what follows from the other sizes. */
export function readHeads(reader: ConfigReader, dModel: number, defaults: HeadDefaults): HeadSizes {
  const heads = reader.int('num_attention_heads', defaults.heads, { max: 65_536 });
  const absentKvHeads = reader.value('num_key_value_heads') === undefined ? defaults.kvHeads : undefined;
  const kvHeads = reader.optionalInt('num_key_value_heads', { max: 65_536 }) ?? absentKvHeads ?? heads;
  if (heads % kvHeads !== 0)
    throw reader.wrong('num_key_value_heads', `a divisor of num_attention_heads = ${heads}, not ${kvHeads}`);
  const absentHeadDim = reader.value('head_dim') === undefined ? defaults.headDim : undefined;
  const headDim = reader.optionalInt('head_dim', { max: 65_536 }) ?? absentHeadDim;
  return { heads, kvHeads, headDim: headDim ?? evenShare(reader, 'hidden_size', dModel, heads) };
}

/** Width of each of the heads that divide a width. */
export function evenShare(reader: ConfigReader, key: string, width: number, heads: number): number {
  if (width % heads !== 0)
    throw reader.wrong(key, `a multiple of the ${heads} heads, not ${width}`, 'Set head_dim, or correct the field.');
  return width / heads;
}
