import type { CheckpointLayout } from '@tessera/plugin';
import { modelSpecSchema, validate } from '@tessera/plugin';
import type { ModelSpec } from '@tessera/plugin';
import { ModelFormatError, UnsupportedOptionError } from '@tessera/tensor-core';
import { ConfigReader } from './config-reader.ts';
import { checkContextLength } from './context-length.ts';
import { mostLayers } from './decoder-fields.ts';
import { readGenericFields, readSpecialIds } from './generic-fields.ts';

/**
 * Our own layout, for stacks that no published one expresses: the spec itself in `config.json`, tensors under our own names.
 * `plugins` says which packages the parts come from; nothing that it names is imported, the person registers plugins.
 */
export const nativeLayout: CheckpointLayout = {
  modelTypes: ['tessera'],
  toSpec(config, options = {}) {
    checkContextLength(options);
    const reader = new ConfigReader(config, 'tessera');
    readGenericFields(reader);
    const plugins = reader.record('plugins');
    for (const name of Object.keys((reader.value('plugins') as object | undefined) ?? {}))
      if (typeof plugins?.value(name) !== 'string')
        throw plugins?.wrong(name, 'a range of versions as a text') ?? reader.wrong('plugins', 'a record');
    const given = reader.value('spec') as { layers?: unknown } | undefined;
    if (given === undefined) throw reader.wrong('spec', 'the spec of a model');
    if (Array.isArray(given?.layers) && given.layers.length > mostLayers)
      throw reader.wrong('spec', `at most ${mostLayers} layers, not ${given.layers.length}`);
    const checked = validate(modelSpecSchema, given, 'config.json: spec');
    readSpecialIds(reader, checked.vocabSize);
    reader.finish();
    const { contextLength = 0 } = options;
    if (contextLength > checked.maxPositions)
      throw new UnsupportedOptionError(
        `contextLength is ${contextLength}, and the spec of the model is for ${checked.maxPositions} positions (maxPositions). Set at most ${checked.maxPositions}.`,
        { facts: { contextLength, maxPositions: checked.maxPositions } },
      );
    // As given, without defaults, so that a save writes what was read.
    return { spec: given as unknown as ModelSpec, warnings: reader.warnings };
  },
  rules(_config, present) {
    if (!present)
      throw new ModelFormatError(
        'model_type "tessera": tensors have the names that the model gives them, expected those names. Pass the shapes of the tensors.',
      );
    return [...present.keys()].map((name) => ({ kind: 'rename', published: name, ours: name }));
  },
};
