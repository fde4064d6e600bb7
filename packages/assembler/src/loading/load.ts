import type { FileSourceInput } from '@tessera/checkpoints';
import { readJsonIfPresent } from '@tessera/checkpoints';
import type { FileSource } from '@tessera/checkpoints';
import type { CheckpointLayout } from '@tessera/plugin';
import { ModelFormatError, UnsupportedOptionError } from '@tessera/tensor-core';
import type { ChooseDevice, ChosenDevice, DeviceOption } from '../devices.ts';
import { checkLearnedPositions } from '../model/check-rows.ts';
import { checkMemory, estimateMemory } from '../model/estimate.ts';
import type { LanguageModelGraph } from '../model/language-model.ts';
import { Model } from '../model/model.ts';
import { checkWeightDtype } from '../model/weight-dtype.ts';
import type { WeightDtype } from '../model/weight-dtype.ts';
import { checkOptionNames } from '../option-names.ts';
import type { OnProgress } from '../progress.ts';
import type { Registry } from '../registry.ts';
import { openCheckpoint, openOptionNames } from './open-checkpoint.ts';
import type { OpenOptions, OpenedCheckpoint } from './open-checkpoint.ts';
import { readText } from './read-text.ts';
import { readWeights, storedDtypes } from './read-weights.ts';

/** How a checkpoint is loaded. */
export interface LoadOptions extends OpenOptions {
  /** @defaultValue 'auto' */
  readonly device?: DeviceOption | undefined;
  /** How matrices are kept. @defaultValue 'auto', as in the checkpoint */
  readonly dtype?: WeightDtype | undefined;
  /** Bytes that the model may take. @defaultValue no limit */
  readonly memoryLimit?: number | undefined;
  /** Told of bytes that were read. A bar shows `total`; events of files come besides. */
  readonly onProgress?: OnProgress | undefined;
  /** Receives sentences about what is odd and harmless. */
  readonly onWarning?: ((warning: string) => void) | undefined;
}

const optionNames = [...openOptionNames, 'device', 'dtype', 'memoryLimit', 'onProgress', 'onWarning'] as const;

/** Loads a checkpoint onto a device. */
export async function loadModel(
  input: FileSourceInput,
  registry: Registry,
  layouts: readonly CheckpointLayout[],
  options: LoadOptions,
  choose: ChooseDevice,
): Promise<Model> {
  const started = performance.now();
  checkOptionNames(options, optionNames, 'load');
  const dtype = checkWeightDtype(options.dtype ?? 'auto');
  const { subfolder, contextLength, fetch, signal } = options;
  signal?.throwIfAborted();
  const chosen = await choose(options.device ?? 'auto');
  try {
    const opened = await openCheckpoint(input, registry, layouts, { subfolder, contextLength, fetch, signal });
    try {
      return await readModel(opened, chosen, dtype, options, started);
    } finally {
      await opened.reader.close();
    }
  } catch (error) {
    if (chosen.owned) chosen.device.dispose();
    throw error;
  }
}

async function readModel(
  { source, config, graph, reader, plan, warnings }: OpenedCheckpoint,
  { device, owned }: ChosenDevice,
  dtype: WeightDtype,
  { contextLength, memoryLimit, signal, onProgress, onWarning }: LoadOptions,
  started: number,
): Promise<Model> {
  for (const warning of warnings) onWarning?.(warning);
  const stored = storedDtypes(plan.rules, reader);
  const estimate = estimateMemory(graph, dtype, contextOf(graph, contextLength), stored);
  checkMemory(estimate, memoryLimit);
  const text = await readText(source, graph.resolved.spec.vocabSize, signal, onWarning);
  const generationConfig = await readGenerationConfig(source, signal);
  const params = await readWeights({ graph, device, dtype, reader, rules: plan.rules, signal, onProgress });
  const published = new Map(
    [...reader.tensors].map(([name, entry]) => [name, { dtype: entry.dtype, shape: entry.shape }]),
  );
  return new Model({
    graph,
    device,
    ownsDevice: owned,
    params,
    estimate,
    origin: { config, rules: plan.rules, published, source, generationConfig },
    loadMs: performance.now() - started,
    ...(text && { text }),
  });
}

async function readGenerationConfig(
  source: FileSource,
  signal: AbortSignal | undefined,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  const config = await readJsonIfPresent(source, 'generation_config.json', { signal });
  if (config === undefined || (typeof config === 'object' && config !== null && !Array.isArray(config)))
    return config as Readonly<Record<string, unknown>> | undefined;
  throw new ModelFormatError(
    'generation_config.json: it is no record, expected the parameters of generation by name. Take the file that was published with the model, or remove it.',
  );
}

/** Positions that the model may use: those asked for, else those that it was made for. */
function contextOf(graph: LanguageModelGraph, asked: number | undefined): number {
  const { spec } = graph.resolved;
  if (asked === undefined) return spec.maxPositions;
  if (!Number.isSafeInteger(asked) || asked < 1)
    throw new UnsupportedOptionError(`contextLength is ${asked}, expected a whole number from 1.`, {
      facts: { option: 'contextLength', value: asked },
    });
  checkLearnedPositions(spec, asked, 'contextLength asks for');
  return asked;
}
