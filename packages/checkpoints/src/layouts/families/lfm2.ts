import type { CheckpointLayout } from '@tessera/plugin';
import type { ConfigReader } from '../config-reader.ts';
import { readablePositions } from '../context-length.ts';
import { readDecoderSizes, readHeads, widest } from '../decoder-fields.ts';
import { readPaddingId } from '../generic-fields.ts';
import { makeLayout } from '../make-layout.ts';
import { attentionPart } from '../parts/attention-part.ts';
import { gatedPart } from '../parts/feed-forward-parts.ts';
import { rmsPart } from '../parts/norm-parts.ts';
import { shortConvolutionPart } from '../parts/short-convolution-part.ts';
import { named } from '../published-model.ts';
import { readRotary } from '../rotary-fields.ts';

/** `true` where a layer attends. */
const kinds: ReadonlyMap<string, boolean> = new Map([
  ['full_attention', true],
  ['conv', false],
]);

/** LFM2: gated short convolutions, and between them attention. */
export const lfm2: CheckpointLayout = makeLayout({
  modelType: 'lfm2',
  read(reader, options) {
    const sizes = readDecoderSizes(reader, { vocabSize: 65_536, dModel: 2560, layers: 32, maxPositions: 128_000 });
    const heads = readHeads(reader, sizes.dModel, { heads: 32, kvHeads: 8 });
    const rotaryFamily = { ...heads, maxPositions: sizes.maxPositions, theta: 1_000_000 };
    const { rotary, limit } = readRotary(reader, rotaryFamily, options);
    const eps = reader.number('norm_eps', 1e-5, { min: 0, max: 1 });
    const attention = attentionPart(
      { ...heads, rotary, qkNorm: { over: 'head', eps } },
      { output: 'out_proj', queryNorm: 'q_layernorm', keyNorm: 'k_layernorm' },
    );
    const convolution = shortConvolutionPart({
      kernel: reader.int('conv_L_cache', 3, { max: 256 }),
      bias: reader.bool('conv_bias', false),
    });
    const block = {
      mixerNorm: named(rmsPart(eps), 'operator_norm'),
      feedForwardNorm: named(rmsPart(eps), 'ffn_norm'),
      feedForward: named(
        gatedPart({ hidden: readHidden(reader), activation: 'silu' }, { gate: 'w1', up: 'w3', down: 'w2' }),
        'feed_forward',
      ),
    };
    readUnused(reader, sizes.dModel);
    return {
      ...sizes,
      maxPositions: readablePositions(reader, sizes.maxPositions, options, limit),
      prefixes: ['model.', ''],
      embedding: { name: 'embed_tokens.weight', paddingId: readPaddingId(reader, sizes.vocabSize, 0) },
      layersName: 'layers',
      layers: readKinds(reader, sizes.layers).map((attends) => ({
        ...block,
        mixer: attends ? named(attention, 'self_attn') : named(convolution, 'conv'),
      })),
      // The last norm, despite its name.
      finalNorm: named(rmsPart(eps), 'embedding_norm'),
      head: { names: ['lm_head.weight'], tied: readTied(reader) },
    };
  },
});

/** Which layers attend: as listed by kind, or by number, or all. */
function readKinds(reader: ConfigReader, layers: number): readonly boolean[] {
  const listed = reader.words('layer_types', { exactly: layers }, kinds);
  const numbers = reader.ints('full_attn_idxs');
  const attending = numbers && new Set(numbers);
  return listed ?? Array.from({ length: layers }, (_, layer) => attending?.has(layer) ?? true);
}

/** Inner width of the feed-forward: two thirds of the given one, times a factor, rounded up to a multiple. */
function readHidden(reader: ConfigReader): number {
  const given = reader.int(reader.spelling('block_ff_dim', 'intermediate_size'), 12_288, { max: widest });
  const multiplier =
    reader.value('block_ffn_dim_multiplier') === undefined
      ? 1
      : reader.optionalNumber('block_ffn_dim_multiplier', { min: 0, above: true, max: 1024 });
  const multiple = reader.int('block_multiple_of', 256, { max: widest });
  if (!reader.bool('block_auto_adjust_ff_dim', true)) return given;
  const narrowed = Math.trunc((2 * given) / 3);
  if (multiplier === undefined) return narrowed;
  const rounded = multiple * Math.ceil(Math.trunc(multiplier * narrowed) / multiple);
  if (rounded < 1 || rounded > widest)
    throw reader.wrong(
      'block_ffn_dim_multiplier',
      `a factor that makes a width from 1 up to ${widest}, not ${rounded}`,
    );
  return rounded;
}

function readTied(reader: ConfigReader): boolean {
  const usual = reader.bool('tie_word_embeddings', true);
  return reader.bool('tie_embedding', usual);
}

/** Fields that published files hold and the published code does not use. */
function readUnused(reader: ConfigReader, dModel: number): void {
  for (const key of ['block_dim', 'conv_dim', 'conv_dim_out']) reader.neutral(key, dModel, null);
  for (const key of ['block_use_swiglu', 'use_pos_enc']) reader.neutral(key, true, null);
  reader.inert(['block_norm_eps', 'block_mlp_init_scale', 'block_out_init_scale', 'block_use_xavier_init']);
  reader.inert(['conv_use_xavier_init', 'num_heads', 'theta']);
}
