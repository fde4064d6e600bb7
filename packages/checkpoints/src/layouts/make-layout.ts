import type { CheckpointLayout, PublishedConfig, SpecOptions } from '@tessera/plugin';
import { ConfigReader } from './config-reader.ts';
import { checkContextLength } from './context-length.ts';
import { readGenericFields, readSpecialIds } from './generic-fields.ts';
import { modelRulesOf } from './model-rules-of.ts';
import { modelSpecOf } from './model-spec-of.ts';
import type { PublishedModel } from './published-model.ts';

/** Reads one family's fields. */
export type ReadModel = (reader: ConfigReader, options: SpecOptions) => PublishedModel;

/** Tensors of frequencies that older files hold; they follow from the config. */
const frequencies = /(?:^|\.)rotary_emb(?:_local)?\.inv_freq$/;

/** A layout from the one function that declares a family. */
export function makeLayout(family: {
  readonly modelType: string;
  readonly read: ReadModel;
  readonly ignored?: readonly RegExp[];
}): CheckpointLayout {
  const readAll = (config: PublishedConfig, options: SpecOptions): { model: PublishedModel; warnings: string[] } => {
    checkContextLength(options);
    const reader = new ConfigReader(config, family.modelType);
    readGenericFields(reader);
    const model = family.read(reader, options);
    readSpecialIds(reader, model.vocabSize);
    reader.finish();
    return { model, warnings: reader.warnings };
  };
  return {
    modelTypes: [family.modelType],
    toSpec(config, options = {}) {
      const { model, warnings } = readAll(config, options);
      return { spec: modelSpecOf(model), warnings };
    },
    rules: (config, present) => modelRulesOf(readAll(config, {}).model, present),
    ignored: [frequencies, ...(family.ignored ?? [])],
  };
}
