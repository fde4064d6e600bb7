import type { FileSourceInput } from '@tessera/checkpoints';
import { openSafetensors, planTensors, readJsonIfPresent } from '@tessera/checkpoints';
import type { FileSource } from '@tessera/checkpoints';
import type { CheckpointLayout } from '@tessera/plugin';
import type { DeviceSampling } from '@tessera/sampling';
import { deviceSamplingOf } from '@tessera/sampling';
import type { Device } from '@tessera/tensor-core';
import { ModelFormatError, UnsupportedOptionError } from '@tessera/tensor-core';
import type { ChooseDevice, ChosenDevice, DeviceOption } from '../devices.ts';
import { capacityOf } from '../generation/capacity.ts';
import { checkOptions } from '../generation/check-options.ts';
import { optionsOfConfig } from '../generation/generation-config.ts';
import { checkLearnedPositions } from '../model/check-rows.ts';
import { checkMemory, estimateMemory } from '../model/estimate.ts';
import type { MemoryEstimate } from '../model/estimate.ts';
import type { LanguageModelGraph } from '../model/language-model.ts';
import { Model } from '../model/model.ts';
import type { ReloadOptions, Residence } from '../model/model.ts';
import { stepLengths } from '../model/step-lengths.ts';
import { checkWeightDtype } from '../model/weight-dtype.ts';
import type { WeightDtype } from '../model/weight-dtype.ts';
import { checkOptionNames } from '../option-names.ts';
import type { OnProgress } from '../progress.ts';
import type { Registry } from '../registry.ts';
import { openCheckpoint, openOptionNames } from './open-checkpoint.ts';
import type { OpenOptions, OpenedCheckpoint } from './open-checkpoint.ts';
import { readText } from './read-text.ts';
import { bringWeights } from './bring-weights.ts';
import { storedDtypes } from './read-weights.ts';

/** How a checkpoint is loaded. */
export interface LoadOptions extends OpenOptions {
  /** @defaultValue 'auto' */
  readonly device?: DeviceOption | undefined;
  /** How matrices are kept. @defaultValue 'auto', as in the checkpoint */
  readonly dtype?: WeightDtype | undefined;
  /** Bytes that the model may take. @defaultValue no limit */
  readonly memoryLimit?: number | undefined;
  /**
   * Positions, prompt and new tokens together, for which the steps of generation are compiled while weights are read, on
   * devices that compile beside the host. The first token then waits for none of it. False: each is compiled when it is used.
   * @defaultValue those of a short chat
   */
  readonly precompile?: number | false | undefined;
  /** Told of bytes that were read. A bar shows `total`; events of files come besides. */
  readonly onProgress?: OnProgress | undefined;
  /** Receives sentences about what is odd and harmless. */
  readonly onWarning?: ((warning: string) => void) | undefined;
}

const optionNames = [
  ...openOptionNames,
  'device',
  'dtype',
  'memoryLimit',
  'precompile',
  'onProgress',
  'onWarning',
] as const;

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
  checkPrecompile(options.precompile);
  const { subfolder, contextLength, cachePolicy, fetch, signal } = options;
  signal?.throwIfAborted();
  const chosen = await choose(options.device ?? 'auto');
  try {
    const opened = await openCheckpoint(input, registry, layouts, {
      subfolder,
      contextLength,
      cachePolicy,
      fetch,
      signal,
    });
    try {
      return await readModel(opened, chosen, dtype, options, choose, started);
    } finally {
      await opened.reader.close();
    }
  } catch (error) {
    if (chosen.owned) chosen.device.dispose();
    throw error;
  }
}

async function readModel(
  { source, config, layout, graph, reader, plan, warnings }: OpenedCheckpoint,
  chosen: ChosenDevice,
  dtype: WeightDtype,
  options: LoadOptions,
  choose: ChooseDevice,
  started: number,
): Promise<Model> {
  const { rules } = plan;
  const { memoryLimit, signal, onProgress, onWarning } = options;
  for (const warning of warnings) onWarning?.(warning);
  const contextLength = contextOf(graph, options.contextLength);
  const estimateFor = (device: Device): MemoryEstimate => {
    const [chunk] = stepLengths(device, capacityOf(graph.resolved, contextLength));
    const estimate = estimateMemory(graph, dtype, contextLength, storedDtypes(rules, reader), chunk);
    checkMemory(estimate, memoryLimit);
    return estimate;
  };
  const estimate = estimateFor(chosen.device);
  const text = await readText(source, graph.resolved.spec.vocabSize, signal, onWarning);
  const generationConfig = await readGenerationConfig(source, signal);
  const { precompile = 1 } = options;
  const bringing = {
    graph,
    dtype,
    rules,
    precompile: precompile !== false && {
      positions: precompile,
      contextLength,
      sampling: usualSampling(generationConfig),
    },
  };
  const brought = await bringWeights({ ...bringing, device: chosen.device, reader, signal, onProgress });
  const published = new Map(
    [...reader.tensors].map(([name, entry]) => [name, { dtype: entry.dtype, shape: entry.shape }]),
  );
  return new Model({
    graph,
    device: chosen.device,
    ownsDevice: chosen.owned,
    ...brought,
    estimate,
    origin: { config, rules, published, source, generationConfig },
    loadMs: performance.now() - started,
    settle,
    ...(text && { text }),
  });

  async function settle({ device: wanted, ...again }: ReloadOptions): Promise<Residence> {
    const restarted = performance.now();
    const { device, owned } = await choose(wanted ?? options.device ?? 'auto');
    try {
      const estimateThere = estimateFor(device);
      const reopened = await openSafetensors(source, { signal: again.signal });
      try {
        const shapes = new Map([...reopened.tensors].map(([name, { shape }]) => [name, shape]));
        const expected = new Map(Object.entries(graph.params()).map(([path, { shape }]) => [path, shape]));
        planTensors(rules, shapes, { expected, ignored: layout.ignored }); // the files may be others by now
        const { signal: stop, onProgress: tell } = again;
        const there = await bringWeights({ ...bringing, device, reader: reopened, signal: stop, onProgress: tell });
        return { device, ownsDevice: owned, ...there, estimate: estimateThere, loadMs: performance.now() - restarted };
      } finally {
        await reopened.close();
      }
    } catch (error) {
      if (owned) device.dispose();
      throw error;
    }
  }
}

/** How tokens are chosen when a caller says nothing. */
function usualSampling(generationConfig: Readonly<Record<string, unknown>> | undefined): DeviceSampling {
  const greedy = { sampled: false, adjusted: false };
  try {
    return deviceSamplingOf(checkOptions(optionsOfConfig(generationConfig))) ?? greedy;
  } catch {
    return greedy; // What is wrong with the file is told by `generate`; who only reads with the model needs none of it.
  }
}

function checkPrecompile(positions: number | false | undefined): void {
  if (positions === undefined || positions === false || (Number.isSafeInteger(positions) && positions > 0)) return;
  throw new UnsupportedOptionError(
    `load: precompile is ${String(positions)}, expected false or a whole number of positions from 1.`,
    { facts: { option: 'precompile', value: positions } },
  );
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
