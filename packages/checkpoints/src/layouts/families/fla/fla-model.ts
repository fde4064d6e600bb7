import type { MixerSpec, SpecOptions } from '@tessera/plugin';
import type { ConfigReader } from '../../config-reader.ts';
import { readablePositions } from '../../context-length.ts';
import { readDecoderSizes, widest } from '../../decoder-fields.ts';
import { readPaddingId } from '../../generic-fields.ts';
import { gatedPart } from '../../parts/feed-forward-parts.ts';
import { rmsPart } from '../../parts/norm-parts.ts';
import { named } from '../../published-model.ts';
import type { PublishedLayer, PublishedModel, PublishedPart } from '../../published-model.ts';
import { readHybridLayers } from './hybrid-layers.ts';

/** What a mixer of the library is read from. */
export interface FlaSite {
  /** `hidden_size` */
  readonly dModel: number;
  /** `norm_eps` */
  readonly eps: number;
}

/** What differs between the models of flash-linear-attention. */
export interface FlaFamily {
  /** Default of `num_hidden_layers`. @defaultValue 24 */
  readonly layers?: number;
  /** Default of `hidden_ratio`. @defaultValue 4 */
  readonly hiddenRatio?: number;
  /** Values of `attn_mode`, which choose a kernel and not what is computed. @defaultValue there is no such field */
  readonly modes?: readonly string[];
  /** Whether `attn` may put attention by softmax into some of the layers. @defaultValue true */
  readonly hybrid?: boolean;
  /** Reads the fields of the mixer. */
  mixer(reader: ConfigReader, site: FlaSite): PublishedPart<MixerSpec>;
}

/** A model of flash-linear-attention: norm, mixer, norm, gated feed-forward, and names that all of them share. */
export function flaModel(reader: ConfigReader, options: SpecOptions, family: FlaFamily): PublishedModel {
  const sizes = readDecoderSizes(reader, {
    vocabSize: 32_000,
    dModel: 2048,
    layers: family.layers ?? 24,
    maxPositions: 2048,
  });
  const eps = reader.number('norm_eps', 1e-6, { min: 0, max: 1 });
  const own = family.mixer(reader, { dModel: sizes.dModel, eps });
  const hybrid = family.hybrid === false ? new Map<number, never>() : readHybridLayers(reader, sizes);
  const hidden = readHidden(reader, sizes.dModel, family.hiddenRatio ?? 4);
  readModes(reader, family.modes);
  readTrainingFields(reader);
  const feedForward = named(gatedPart({ hidden, activation: 'silu' }), 'mlp');
  const layerAt = (layer: number): PublishedLayer => ({
    mixerNorm: named(rmsPart(eps), 'attn_norm'),
    mixer: named(hybrid.get(layer) ?? own, 'attn'),
    feedForwardNorm: named(rmsPart(eps), 'mlp_norm'),
    feedForward,
  });
  return {
    vocabSize: sizes.vocabSize,
    dModel: sizes.dModel,
    maxPositions: readablePositions(reader, sizes.maxPositions, options),
    prefixes: ['model.', ''],
    embedding: { name: 'embeddings.weight', paddingId: readPaddingId(reader, sizes.vocabSize) },
    layersName: 'layers',
    layers: Array.from({ length: sizes.layers }, (_, layer) => layerAt(layer)),
    finalNorm: named(rmsPart(eps), 'norm'),
    head: { names: ['lm_head.weight'], tied: reader.bool('tie_word_embeddings', false) },
  };
}

/** Width of the feed-forward: as given, or ⅔ of `hidden_ratio` widths, rounded up to a multiple of 256. */
function readHidden(reader: ConfigReader, dModel: number, fallback: number): number {
  if (reader.value('hidden_act') === 'powlu')
    throw reader.refused('hidden_act', "'swish'", 'Its gate by a power is not built.');
  reader.word('hidden_act', 'swish', new Map([['swish', true]]));
  const absent = reader.value('hidden_ratio') === undefined ? fallback : 4;
  const ratio = reader.optionalNumber('hidden_ratio', { min: 0, above: true, max: 1024 }) ?? absent;
  const given = reader.optionalInt('intermediate_size', { max: widest });
  return given ?? 256 * Math.ceil(Math.trunc((dModel * ratio * 2) / 3) / 256);
}

function readModes(reader: ConfigReader, modes: readonly string[] | undefined): void {
  if (modes) reader.word('attn_mode', modes[0]!, new Map(modes.map((mode) => [mode, mode])));
}

/** Fields of how the library trains and which of its kernels it takes. */
function readTrainingFields(reader: ConfigReader): void {
  reader.inert(['fuse_norm', 'fuse_swiglu', 'fuse_cross_entropy', 'fuse_linear_cross_entropy']);
  reader.neutral('attnres_block_size', null);
  // Older files; false would put the norms elsewhere.
  reader.neutral('norm_first', true, null);
  if (reader.bool('use_l2warp', false))
    reader.warn('use_l2warp', 'which adds a penalty of large logits to the gradient; training here goes without it.');
}
