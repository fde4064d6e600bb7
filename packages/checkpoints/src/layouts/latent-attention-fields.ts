import type { SpecOptions } from '@tessera/plugin';
import type { ConfigReader } from './config-reader.ts';
import { evenShare, widest } from './decoder-fields.ts';
import type { LatentAttentionSettings, LatentRotarySettings } from './parts/latent-attention-part.ts';
import { readRotary } from './rotary-fields.ts';

/** Sizes and flags of an attention with one latent. */
export type LatentSizes = Omit<LatentAttentionSettings, 'latentHeads' | 'rotary' | 'scale' | 'upBias' | 'window'>;

/** Defaults of {@link readLatentSizes}. */
export interface LatentDefaults {
  readonly heads: number;
  /** Absent: null is the default. */
  readonly queryRank?: number;
  readonly latentDim: number;
  readonly headDim: number;
  /** Absent: the share of a head in the model's width. */
  readonly valueDim?: number;
  readonly rotaryDim: number;
}

/** Sizes and flags under the names of DeepSeek's models. */
export function readLatentSizes(reader: ConfigReader, dModel: number, defaults: LatentDefaults): LatentSizes {
  const range = { max: 65_536 };
  const heads = reader.int('num_attention_heads', defaults.heads, range);
  const kvHeads = reader.optionalInt('num_key_value_heads', range) ?? heads;
  // The published code repeats keys and values by the whole quotient.
  if (Math.floor(heads / kvHeads) !== 1)
    throw reader.refused('num_key_value_heads', `${heads}, as many as heads, each of which has a key and a value`);
  // They follow from the sizes of the parts, whatever they say.
  reader.inert(['head_dim', 'qk_head_dim']);
  const absentRank = reader.value('q_lora_rank') === undefined ? defaults.queryRank : undefined;
  const bias = reader.bool('attention_bias', false);
  return {
    heads,
    queryRank: reader.optionalInt('q_lora_rank', { max: widest }) ?? absentRank,
    latentDim: reader.int('kv_lora_rank', defaults.latentDim, { max: widest }),
    headDim: reader.int('qk_nope_head_dim', defaults.headDim, range),
    rotaryDim: reader.int('qk_rope_head_dim', defaults.rotaryDim, range),
    valueDim: readValueDim(reader, dModel, heads, defaults.valueDim),
    // Not that of the other norms.
    normEps: 1e-6,
    downBias: bias,
    outputBias: bias,
    dropout: reader.dropout('attention_dropout'),
  };
}

function readValueDim(reader: ConfigReader, dModel: number, heads: number, fallback: number | undefined): number {
  const range = { max: 65_536 };
  if (fallback !== undefined) return reader.int('v_head_dim', fallback, range);
  return reader.optionalInt('v_head_dim', range) ?? evenShare(reader, 'hidden_size', dModel, heads);
}

/** What rotary fields say to an attention with latents. */
export interface LatentRotaryReading {
  readonly rotary?: LatentRotarySettings | undefined;
  /** Absent: what follows from the sizes. */
  readonly scale?: number | undefined;
  /** Positions up to which frequencies are those of the published model. */
  readonly limit?: number | undefined;
}

/**
 * Rotary fields of an attention with latents. Where frequencies are scaled, `mscale_all_dim` also makes the dot products larger.
 * @param order - which elements form a pair
 */
export function readLatentRotary(
  reader: ConfigReader,
  { headDim, rotaryDim }: Pick<LatentSizes, 'headDim' | 'rotaryDim'>,
  family: { readonly maxPositions: number; readonly theta?: number; readonly order: 'half' | 'interleaved' },
  options: SpecOptions = {},
): LatentRotaryReading {
  const { order, ...rest } = family;
  const { rotary, limit } = readRotary(reader, { ...rest, headDim: rotaryDim }, options);
  const grown = readScaleGrowth(reader);
  return {
    rotary: rotary && { ...rotary, ...(order !== 'half' && { order }) },
    ...(grown !== 1 && { scale: (headDim + rotaryDim) ** -0.5 * grown ** 2 }),
    limit,
  };
}

/** The published factor of queries and keys under a scaling rule, whichever it is. */
function readScaleGrowth(reader: ConfigReader): number {
  const rule = reader.record('rope_scaling') ?? reader.record('rope_parameters');
  const type = rule?.value(rule.spelling('rope_type', 'type')) ?? 'default';
  if (!rule || type === 'default') return 1;
  const allDim = rule.optionalNumber('mscale_all_dim') ?? 0;
  if (allDim === 0) return 1;
  if (!rule.has('factor')) throw rule.wrong('factor', 'a number above 0, since mscale_all_dim is given');
  const factor = rule.number('factor', 1, { min: 0, above: true });
  return factor <= 1 ? 1 : 0.1 * allDim * Math.log(factor) + 1;
}
