import type { CheckpointLayout, PublishedConfig } from '@tessera/plugin';
import { ModelFormatError, UnsupportedArchitectureError } from '@tessera/tensor-core';
import { nativeLayout } from './native-layout.ts';
import { publishedLayouts } from './published-layouts.ts';
import { factValue, showValue } from './show-value.ts';

/**
 * The layout that reads a config, by its `model_type`. Of several, the last one given counts, so that a plugin can replace one.
 * @param layouts - @defaultValue the published layouts and our own
 * @throws {@link UnsupportedArchitectureError} when none reads it; the message lists those that are understood
 * @throws {@link ModelFormatError} when the config has no `model_type`
 */
export function layoutOf(
  config: PublishedConfig,
  layouts: readonly CheckpointLayout[] = [...publishedLayouts, nativeLayout],
): CheckpointLayout {
  const isRecord = typeof config === 'object' && config !== null && !Array.isArray(config);
  const modelType = isRecord && Object.hasOwn(config, 'model_type') ? config['model_type'] : undefined;
  if (typeof modelType !== 'string')
    throw new ModelFormatError(
      `config.json: model_type ${modelType === undefined ? 'is missing' : `is ${showValue(modelType)}`}, expected the name of a layout. Take the config.json that was published with the model.`,
      { facts: { modelType: factValue(modelType) } },
    );
  const layout = layouts.findLast(({ modelTypes }) => modelTypes.includes(modelType));
  if (layout) return layout;
  const known = layouts.flatMap(({ modelTypes }) => modelTypes).toSorted();
  throw new UnsupportedArchitectureError(
    `config.json: model_type is ${showValue(modelType)}, which no layout reads; understood are ${known.join(', ')}. Register a plugin with a layout for it.`,
    { facts: { modelType: factValue(modelType), known } },
  );
}
