import type {
  CheckpointLayout,
  LayerSpec,
  ModelSpec,
  PartSpec,
  PublishedConfig,
  SpecOptions,
  TensorRule,
} from '@tessera/plugin';
import { ConfigReader } from '../../config-reader.ts';
import { checkContextLength } from '../../context-length.ts';
import { evenShare, mostLayers, mostTokens, widest } from '../../decoder-fields.ts';
import { readGenericFields } from '../../generic-fields.ts';
import { embeddingRules } from '../../model-rules-of.ts';
import { compact } from '../../parts/attention-settings.ts';
import { placedRule } from '../../rule-names.ts';

/** A memory or a norm as a published block has it: what it is in a spec, and its tensors by short names on both sides. */
export interface MosaicPart {
  readonly name: string;
  readonly spec: PartSpec;
  readonly rules: readonly TensorRule[];
}

/** A memory with the norm before it: a layer of its own in a spec, half of a published block. */
export interface MosaicLayer {
  readonly mixerNorm: MosaicPart;
  readonly mixer: MosaicPart;
  readonly residual?: LayerSpec['residual'];
}

/** What both published codes have in common. */
export interface MosaicModel {
  readonly block: readonly MosaicLayer[];
  /** Before all names but the head's. */
  readonly prefix: string;
  readonly embeddingName: string;
  readonly headName: string;
  readonly layersName: string;
  readonly finalNorm: MosaicPart;
  readonly tied: boolean;
  readonly multiplier?: number;
  readonly embeddingDropout?: number | undefined;
  readonly residualDropout?: number | undefined;
}

/** Sizes under the names that both published codes have. */
export interface MosaicSizes {
  readonly vocabSize: number;
  readonly dModel: number;
  readonly heads: number;
  readonly layers: number;
  readonly positions: number;
  readonly slots: number;
  readonly stores: number;
  readonly bias: boolean;
}

/** A layout of Memory Mosaics from what differs between the two codes: their defaults, and what a block is. */
export function mosaicLayout(family: {
  readonly modelType: string;
  readonly defaults: Omit<MosaicSizes, 'dModel' | 'heads' | 'layers' | 'slots' | 'stores'>;
  read(reader: ConfigReader, sizes: MosaicSizes): MosaicModel;
  readonly ignored: readonly RegExp[];
}): CheckpointLayout {
  const readAll = (
    config: PublishedConfig,
    options: SpecOptions,
  ): { model: MosaicModel; sizes: MosaicSizes; warnings: readonly string[] } => {
    checkContextLength(options);
    const reader = new ConfigReader(config, family.modelType);
    readGenericFields(reader);
    const sizes = readSizes(reader, family.defaults, options);
    const model = family.read(reader, sizes);
    reader.finish();
    return { model, sizes, warnings: reader.warnings };
  };
  return {
    modelTypes: [family.modelType],
    toSpec(config, options = {}) {
      const { model, sizes, warnings } = readAll(config, options);
      return { spec: specOf(model, sizes), warnings };
    },
    rules(config, present) {
      const { model, sizes } = readAll(config, {});
      const { prefix, embeddingName, headName, tied, layersName, finalNorm, block } = model;
      const place = ({ name, rules }: MosaicPart, published: string, ours: string): TensorRule[] =>
        rules.map((rule) => placedRule(rule, `${published}${name}.`, `${ours}.`));
      return [
        ...embeddingRules({ embedding: { name: embeddingName }, head: { names: [headName], tied } }, prefix, present),
        ...Array.from({ length: sizes.layers }, (_, layer) =>
          block.flatMap(({ mixerNorm, mixer }, half) => {
            const [from, to] = [`${prefix}${layersName}.${layer}.`, `layers.${layer * block.length + half}`];
            return [...place(mixerNorm, from, `${to}.mixerNorm`), ...place(mixer, from, `${to}.mixer`)];
          }),
        ).flat(),
        ...place(finalNorm, prefix, 'finalNorm'),
      ];
    },
    ignored: family.ignored,
  };
}

function readSizes(
  reader: ConfigReader,
  defaults: Pick<MosaicSizes, 'vocabSize' | 'positions' | 'bias'>,
  { contextLength = 0 }: SpecOptions,
): MosaicSizes {
  const dModel = reader.int('n_embd', 768, { max: widest });
  const heads = reader.int('n_head', 12, { max: 65_536 });
  evenShare(reader, 'n_embd', dModel, heads);
  const positions = reader.int('block_size', defaults.positions);
  // Nothing depends on positions, so that a longer context needs nothing but room.
  if (contextLength > positions)
    reader.warn('block_size', `fewer than the declared context of ${contextLength} positions.`);
  return {
    vocabSize: reader.int('vocab_size', defaults.vocabSize, { max: mostTokens }),
    dModel,
    heads,
    layers: reader.int('n_layer', 12, { max: mostLayers / 2 }),
    positions: Math.max(positions, contextLength),
    slots: reader.int('pmem_size', 2688, { max: widest }),
    stores: reader.int('pmem_count', 1, { max: 1024 }),
    bias: reader.bool('bias', defaults.bias),
  };
}

function specOf(model: MosaicModel, { vocabSize, dModel, layers, positions }: MosaicSizes): ModelSpec {
  const { block, finalNorm, tied, multiplier = 1, embeddingDropout, residualDropout } = model;
  const one = block.map(({ mixerNorm, mixer, residual }): LayerSpec => ({
    mixerNorm: mixerNorm.spec,
    mixer: mixer.spec,
    ...(residual && { residual }),
    ...(residualDropout !== undefined && { residualDropout }),
  }));
  return {
    vocabSize,
    dModel,
    maxPositions: positions,
    ...(embeddingDropout !== undefined && { embedding: { dropout: embeddingDropout } }),
    layers: Array.from({ length: layers }, () => one).flat(),
    finalNorm: finalNorm.spec,
    head: { tied, ...(multiplier !== 1 && { multiplier }) },
  };
}

/** A layer norm whose bias a config may leave out. */
export function mosaicNorm(name: string, bias: boolean): MosaicPart {
  return {
    name,
    spec: { type: '@tessera/norms:layer', config: { eps: 1e-5, ...(!bias && { bias }) } },
    rules: [rename('weight', 'weight'), ...(bias ? [rename('bias', 'bias')] : [])],
  };
}

/** A memory by its name and settings. */
export function mosaicMemory(
  name: string,
  memory: 'contextual-memory' | 'persistent-memory',
  settings: object,
  rules: readonly TensorRule[],
): MosaicPart {
  return { name, spec: { type: `@tessera/mixers-memory-mosaic:${memory}`, config: compact(settings) }, rules };
}

/** The same tensor under another name. */
export function rename(published: string, ours: string, squeezed?: number | readonly number[]): TensorRule {
  return { kind: 'rename', published, ours, ...(squeezed !== undefined && { squeezed }) };
}

/** A map with its bias, if there is one. */
export function map(published: string, ours: string, bias: boolean, squeezed?: number): TensorRule[] {
  return [
    rename(`${published}.weight`, `${ours}_proj`, squeezed),
    ...(bias ? [rename(`${published}.bias`, `${ours}_bias`)] : []),
  ];
}
