import type { FileSourceInput } from '@tessera/checkpoints';
import { nativeLayout, publishedLayouts } from '@tessera/checkpoints';
import type { CheckpointLayout, Plugin, PublishedConfig } from '@tessera/plugin';
import { assembleModel } from './assemble.ts';
import type { AssembleOptions } from './assemble.ts';
import { assemblePublished } from './assemble-published.ts';
import type { AssemblePublishedOptions } from './assemble-published.ts';
import { capabilityTable } from './capability-table.ts';
import type { MixerCapabilities } from './capability-table.ts';
import type { Backends, ChooseDevice } from './devices.ts';
import { chooseDevice } from './devices.ts';
import { loadModel } from './loading/load.ts';
import type { LoadOptions } from './loading/load.ts';
import { openCheckpoint } from './loading/open-checkpoint.ts';
import type { OpenOptions, OpenedCheckpoint } from './loading/open-checkpoint.ts';
import type { ModelSpecInput } from './model-spec-input.ts';
import type { Model } from './model/model.ts';
import { Registry } from './registry.ts';

/** What an assembler is made of. */
export interface AssemblerOptions {
  /** The families that models may use. Nothing else is ever imported or run. */
  readonly plugins: readonly Plugin[];
  /** Checkpoint layouts; those of the plugins come on top. @defaultValue the published ones of `@tessera/checkpoints`, and our own */
  readonly layouts?: readonly CheckpointLayout[];
  /** Devices beside the CPU. */
  readonly backends?: Backends;
}

/** Makes and loads models from registered plugins. */
export interface Assembler {
  /**
   * A new model with weights drawn from a seed.
   *
   * {@includeCode ../examples/assemble.ts#assemble}
   * @throws {@link InvalidSpecError} naming the path of what is wrong in the spec
   * @throws {@link PluginError} naming the package of a part that is not registered
   * @throws {@link UnsupportedOptionError} naming an option that is not honoured
   * @throws {@link OutOfMemoryError} with the numbers when the model needs more than `memoryLimit`
   */
  assemble(spec: ModelSpecInput, options?: AssembleOptions): Promise<Model>;
  /**
   * A new model of a published `config.json` with weights drawn from a seed. It is saved in that layout, so that others load it.
   * @param config - the fields of `config.json`
   * @throws {@link UnsupportedArchitectureError} naming a `model_type` or a field that is not understood
   * @throws as {@link Assembler.assemble}
   */
  assemblePublished(config: PublishedConfig, options?: AssemblePublishedOptions): Promise<Model>;
  /**
   * Loads a checkpoint.
   *
   * {@includeCode ../examples/load.ts#load}
   * @param source - a directory, an address, files of a page, or contents by name
   * @throws {@link UnsupportedArchitectureError} naming a `model_type` or a field of `config.json` that is not understood
   * @throws {@link ModelFormatError} naming the file that is missing or malformed
   * @throws {@link PluginError} naming the package of a part that is not registered
   * @throws {@link UnsupportedOptionError} naming an option that is not honoured
   * @throws {@link OutOfMemoryError} with the numbers when the model needs more than `memoryLimit`
   */
  load(source: FileSourceInput, options?: LoadOptions): Promise<Model>;
  /**
   * Opens a checkpoint and understands it without reading weights. Close its `reader` afterwards. Throws as
   * {@link Assembler.load} does.
   */
  open(source: FileSourceInput, options?: OpenOptions): Promise<OpenedCheckpoint>;
  /** What each registered mixer can do. */
  capabilities(): readonly MixerCapabilities[];
}

/**
 * Makes an {@link Assembler}.
 * @throws {@link PluginError} for a plugin or part whose contract is not understood, or two different parts of one name
 */
export function createAssembler({ plugins, layouts, backends = {} }: AssemblerOptions): Assembler {
  const registry = new Registry(plugins);
  const known = [...(layouts ?? [...publishedLayouts, nativeLayout]), ...registry.layouts];
  const choose: ChooseDevice = (option) => chooseDevice(option, backends);
  return {
    assemble: (spec, options = {}) => assembleModel(spec, registry, options, choose),
    assemblePublished: (config, options = {}) => assemblePublished(config, registry, known, options, choose),
    load: (source, options = {}) => loadModel(source, registry, known, options, choose),
    open: (source, options = {}) => openCheckpoint(source, registry, known, options),
    capabilities: () => capabilityTable(registry.mixers),
  };
}
