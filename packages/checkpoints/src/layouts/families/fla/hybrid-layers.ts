import type { MixerSpec } from '@tessera/plugin';
import type { ConfigReader } from '../../config-reader.ts';
import { attentionPart } from '../../parts/attention-part.ts';
import type { PublishedPart } from '../../published-model.ts';

/** What of a model its attention by softmax depends on. */
export interface HybridSizes {
  readonly dModel: number;
  readonly layers: number;
}

/** Attention by softmax of the layers that `attn` names: one record of settings, or a list of such. */
export function readHybridLayers(
  reader: ConfigReader,
  sizes: HybridSizes,
): ReadonlyMap<number, PublishedPart<MixerSpec>> {
  const parts = new Map<number, PublishedPart<MixerSpec>>();
  for (const record of reader.records('attn')) {
    const part = readAttention(record, sizes.dModel);
    for (const layer of readLayers(record, sizes.layers)) {
      if (parts.has(layer)) throw record.wrong('layers', `layers that are named once, and ${layer} is named twice`);
      parts.set(layer, part);
    }
    record.finish();
  }
  return parts;
}

function readLayers(record: ConfigReader, layers: number): readonly number[] {
  const listed = record.ints('layers');
  if (!listed || listed.some((layer) => layer < 0 || layer >= layers))
    throw record.wrong('layers', `a list of layers from 0 up to ${layers - 1}`);
  return listed;
}

function readAttention(record: ConfigReader, dModel: number): PublishedPart<MixerSpec> {
  const heads = record.optionalInt('num_heads', { max: 65_536 });
  if (heads === undefined) throw record.wrong('num_heads', 'a number of heads');
  if (record.has('qk_norm'))
    record.warn('qk_norm', 'which the published code does not read here; queries and keys are not normalised.');
  return flaAttention(record, dModel, heads, { qkNorm: false });
}

/** Attention by softmax from the fields that models of attention and hybrid layers share. */
export function flaAttention(
  reader: ConfigReader,
  dModel: number,
  heads: number,
  { qkNorm }: { readonly qkNorm: boolean },
): PublishedPart<MixerSpec> {
  const kvHeads = reader.optionalInt('num_kv_heads', { max: 65_536 }) ?? heads;
  if (heads % kvHeads !== 0) throw reader.wrong('num_kv_heads', `a divisor of num_heads = ${heads}, not ${kvHeads}`);
  if (dModel % (2 * heads) !== 0)
    throw reader.wrong(
      'num_heads',
      `a number of heads into which hidden_size = ${dModel} goes an even number of times`,
    );
  return attentionPart({
    heads,
    kvHeads,
    headDim: dModel / heads,
    qkvBias: reader.bool('qkv_bias', false),
    rotary: { theta: reader.number('rope_theta', 10_000, { min: 1 }) },
    window: reader.optionalInt('window_size'),
    ...(qkNorm && { qkNorm: { over: 'head', eps: 1e-5 } }),
  });
}
