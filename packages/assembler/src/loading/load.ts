import type { FileSource, FileSourceInput, SafetensorsReader } from '@tessera/checkpoints';
import {
  folderSource,
  layoutOf,
  openSafetensors,
  planTensors,
  readJson,
  readJsonIfPresent,
  settleTies,
  toFileSource,
} from '@tessera/checkpoints';
import type { TensorPlan } from '@tessera/checkpoints';
import type { CheckpointLayout, PublishedConfig } from '@tessera/plugin';
import type { Device } from '@tessera/tensor-core';
import { ContextOverflowError, ModelFormatError, UnsupportedOptionError } from '@tessera/tensor-core';
import type { DeviceOption } from '../devices.ts';
import { checkMemory, estimateMemory } from '../model/estimate.ts';
import { LanguageModelGraph } from '../model/language-model.ts';
import { Model } from '../model/model.ts';
import { checkWeightDtype } from '../model/weight-dtype.ts';
import type { WeightDtype } from '../model/weight-dtype.ts';
import type { OnProgress } from '../progress.ts';
import type { Registry } from '../registry.ts';
import { resolveSpec } from '../stack/resolve.ts';
import { checkOptionNames } from './option-names.ts';
import { readText } from './read-text.ts';
import { readPublished, readWeights, storedDtypes } from './read-weights.ts';

/** How a checkpoint is loaded. */
export interface LoadOptions {
  /** @defaultValue 'auto' */
  readonly device?: DeviceOption;
  /** How matrices are kept. @defaultValue 'auto', as in the checkpoint */
  readonly dtype?: WeightDtype;
  /** Positions of prompt and new tokens together. @defaultValue those that the checkpoint was made for */
  readonly contextLength?: number;
  /** Folder of the source that holds the model. */
  readonly subfolder?: string;
  /** Bytes that the model may take. @defaultValue no limit */
  readonly memoryLimit?: number;
  /** Used in place of the global `fetch`. */
  readonly fetch?: typeof fetch;
  readonly signal?: AbortSignal;
  readonly onProgress?: OnProgress;
  /** Receives sentences about what is odd and harmless. */
  readonly onWarning?: (warning: string) => void;
}

const knownOptions = new Set([
  'device',
  'dtype',
  'contextLength',
  'subfolder',
  'memoryLimit',
  'fetch',
  'signal',
  'onProgress',
  'onWarning',
]);

/** A checkpoint whose files were opened and understood, before any weight is read. */
export interface OpenedCheckpoint {
  readonly source: FileSource;
  readonly config: PublishedConfig;
  readonly layout: CheckpointLayout;
  readonly graph: LanguageModelGraph;
  readonly reader: SafetensorsReader;
  /** The checked way from its tensors to the model's. */
  readonly plan: TensorPlan;
  readonly warnings: readonly string[];
}

/** Opens a checkpoint and understands its config. */
export async function openCheckpoint(
  input: FileSourceInput,
  registry: Registry,
  layouts: readonly CheckpointLayout[],
  options: Pick<LoadOptions, 'subfolder' | 'fetch' | 'signal' | 'contextLength'>,
): Promise<OpenedCheckpoint> {
  const { signal, subfolder, contextLength } = options;
  const whole = await toFileSource(input, options.fetch ? { fetch: options.fetch } : {});
  const source = subfolder === undefined ? whole : folderSource(whole, subfolder);
  const config = await readJson(source, 'config.json', { signal });
  if (typeof config !== 'object' || config === null || Array.isArray(config))
    throw new ModelFormatError(
      `${source.name}: config.json is no record. It should hold the published configuration of a model.`,
    );
  const layout = layoutOf(config as PublishedConfig, layouts);
  const reading = layout.toSpec(config as PublishedConfig, contextLength === undefined ? {} : { contextLength });
  const reader = await openSafetensors(source, { signal });
  try {
    const shapes = new Map([...reader.tensors].map(([name, { shape }]) => [name, shape]));
    const settled = await settleTies(
      reading.spec,
      layout.rules(config as PublishedConfig, shapes),
      readPublished(reader, signal),
    );
    const graph = new LanguageModelGraph(resolveSpec(settled.spec, registry));
    const expected = new Map(Object.entries(graph.params()).map(([path, { shape }]) => [path, shape]));
    const plan = planTensors(settled.rules, shapes, { expected, ignored: layout.ignored });
    return {
      source,
      config: config as PublishedConfig,
      layout,
      graph,
      reader,
      plan,
      warnings: [...reading.warnings, ...settled.warnings],
    };
  } catch (error) {
    await reader.close();
    throw error;
  }
}

/** Loads a checkpoint onto a device. */
export async function loadModel(
  input: FileSourceInput,
  registry: Registry,
  layouts: readonly CheckpointLayout[],
  options: LoadOptions,
  choose: (option: DeviceOption) => Promise<{ device: Device; owned: boolean }>,
): Promise<Model> {
  const started = performance.now();
  checkOptionNames(options, knownOptions, 'load');
  const dtype = checkWeightDtype(options.dtype ?? 'auto');
  const { device, owned } = await choose(options.device ?? 'auto');
  const { signal, onWarning } = options;
  const { source, config, graph, reader, plan, warnings } = await openCheckpoint(input, registry, layouts, options);
  try {
    for (const warning of warnings) onWarning?.(warning);
    const published = new Map(
      [...reader.tensors].map(([name, { dtype: stored, shape }]) => [name, { dtype: stored, shape }]),
    );
    const estimate = estimateMemory(
      graph,
      dtype,
      contextOf(graph, options.contextLength),
      storedDtypes(plan.rules, reader),
    );
    checkMemory(estimate, options.memoryLimit);
    const text = await readText(source, graph.resolved.spec.vocabSize, signal, onWarning);
    const generationConfig = await readJsonIfPresent(source, 'generation_config.json', { signal });
    const params = await readWeights({
      graph,
      device,
      dtype,
      reader,
      rules: plan.rules,
      signal,
      onProgress: options.onProgress,
    });
    return new Model({
      graph,
      device,
      ownsDevice: owned,
      dtype,
      params,
      estimate,
      origin: {
        config,
        rules: plan.rules,
        published,
        source,
        generationConfig: generationConfig as Readonly<Record<string, unknown>> | undefined,
      },
      loadMs: performance.now() - started,
      ...(text && { text }),
    });
  } finally {
    await reader.close();
  }
}

/** Positions that the model may use: those asked for, else those that it was made for. */
function contextOf(graph: LanguageModelGraph, asked: number | undefined): number {
  const { maxPositions, embedding } = graph.resolved.spec;
  if (asked === undefined) return maxPositions;
  if (!Number.isInteger(asked) || asked < 1)
    throw new UnsupportedOptionError(`contextLength is ${asked}, expected a whole number from 1.`, {
      facts: { option: 'contextLength', value: asked },
    });
  if (embedding?.positions !== undefined && asked > embedding.positions)
    throw new ContextOverflowError(
      `contextLength is ${asked}, and the model has learned ${embedding.positions} positions. Ask for at most that many.`,
      {
        facts: { contextLength: asked, positions: embedding.positions },
      },
    );
  return asked;
}
