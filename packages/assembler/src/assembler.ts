import type { FileSourceInput } from '@tessera/checkpoints';
import { nativeLayout, publishedLayouts } from '@tessera/checkpoints';
import type { CheckpointLayout, ModelSpec, Plugin } from '@tessera/plugin';
import type { Device } from '@tessera/tensor-core';
import { disposeTree } from '@tessera/tensor-core';
import { capabilityTable } from './capability-table.ts';
import type { MixerCapabilities } from './capability-table.ts';
import type { Backends, DeviceOption } from './devices.ts';
import { chooseDevice } from './devices.ts';
import { loadModel, openCheckpoint } from './loading/load.ts';
import type { LoadOptions, OpenedCheckpoint } from './loading/load.ts';
import { checkMemory, estimateMemory } from './model/estimate.ts';
import { initialWeights } from './model/initial-weights.ts';
import { LanguageModelGraph } from './model/language-model.ts';
import { Model } from './model/model.ts';
import type { WeightDtype } from './model/weight-dtype.ts';
import { checkWeightDtype, storageOf, toStorage } from './model/weight-dtype.ts';
import { checkOptionNames } from './loading/option-names.ts';
import { Registry } from './registry.ts';
import { resolveSpec } from './stack/resolve.ts';

/** What an assembler is made of. */
export interface AssemblerOptions {
  /** The families that models may use. Nothing else is ever imported or run. */
  readonly plugins: readonly Plugin[];
  /** Checkpoint layouts. @defaultValue the published ones of `@tessera/checkpoints`, and those of the plugins */
  readonly layouts?: readonly CheckpointLayout[];
  /** Devices beside the CPU. */
  readonly backends?: Backends;
}

/** How a new model is made. */
export interface AssembleOptions {
  /** @defaultValue 'auto' */
  readonly device?: DeviceOption;
  /** How matrices are kept. @defaultValue 'fp32' */
  readonly dtype?: WeightDtype;
  /** From which the first weights are drawn. @defaultValue 0 */
  readonly seed?: number;
  /** Bytes that the model may take. @defaultValue no limit */
  readonly memoryLimit?: number;
  readonly signal?: AbortSignal;
}

const assembleOptions = new Set(['device', 'dtype', 'seed', 'memoryLimit', 'signal']);

/** Makes and loads models from registered plugins. */
export interface Assembler {
  /**
   * A new model with weights drawn from a seed.
   * @throws {@link InvalidSpecError} naming the path of what is wrong in the spec
   * @throws {@link PluginError} naming the package of a part that is not registered
   */
  assemble(spec: ModelSpec, options?: AssembleOptions): Promise<Model>;
  /**
   * Loads a checkpoint.
   * @param source - a directory, an address, files of a page, or contents by name
   * @throws {@link UnsupportedArchitectureError} naming a `model_type` or a field of `config.json` that is not understood
   * @throws {@link ModelFormatError} naming the file that is missing or malformed
   */
  load(source: FileSourceInput, options?: LoadOptions): Promise<Model>;
  /** Opens a checkpoint and understands it without reading weights. Close its `reader` afterwards. */
  open(
    source: FileSourceInput,
    options?: Pick<LoadOptions, 'subfolder' | 'fetch' | 'signal' | 'contextLength'>,
  ): Promise<OpenedCheckpoint>;
  /** What each registered mixer can do. */
  capabilities(): readonly MixerCapabilities[];
}

/** Makes an {@link Assembler}. */
export function createAssembler({ plugins, layouts, backends = {} }: AssemblerOptions): Assembler {
  const registry = new Registry(plugins);
  const known = [...(layouts ?? [...publishedLayouts, nativeLayout]), ...registry.layouts];
  const choose = (option: DeviceOption): Promise<{ device: Device; owned: boolean }> => chooseDevice(option, backends);
  return {
    assemble: (spec, options = {}) => assembleModel(spec, registry, options, choose),
    load: (source, options = {}) => loadModel(source, registry, known, options, choose),
    open: (source, options = {}) => openCheckpoint(source, registry, known, options),
    capabilities: () => capabilityTable(registry.mixers),
  };
}

async function assembleModel(
  spec: ModelSpec,
  registry: Registry,
  options: AssembleOptions,
  choose: (option: DeviceOption) => Promise<{ device: Device; owned: boolean }>,
): Promise<Model> {
  const started = performance.now();
  checkOptionNames(options, assembleOptions, 'assemble');
  const dtype = checkWeightDtype(options.dtype ?? 'fp32');
  const graph = new LanguageModelGraph(resolveSpec(spec, registry));
  const estimate = estimateMemory(graph, dtype, graph.resolved.spec.maxPositions);
  checkMemory(estimate, options.memoryLimit);
  const { device, owned } = await choose(options.device ?? 'auto');
  const params: Record<string, ReturnType<Device['upload']>> = {};
  try {
    for (const [path, param] of Object.entries(graph.params())) {
      options.signal?.throwIfAborted();
      const kept = storageOf(param, dtype);
      params[path] = device.upload(toStorage(await initialWeights(path, param, options.seed ?? 0), kept), {
        shape: param.shape,
        dtype: kept,
      });
    }
  } catch (error) {
    disposeTree(params);
    throw error;
  }
  return new Model({ graph, device, ownsDevice: owned, dtype, params, estimate, loadMs: performance.now() - started });
}
