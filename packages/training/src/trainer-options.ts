import type { Adapter } from './adapter.ts';
import type { BatchSource } from './batch-source.ts';
import { checkNames, checkNumber, oneOf } from './check-options.ts';
import type { OptimizerOptions, OptimizerSettings } from './optimizers/optimizer-options.ts';
import { optimizerSettings } from './optimizers/optimizer-options.ts';
import type { Schedule } from './schedule.ts';
import { checkSchedule } from './schedule.ts';

/** How a model is trained. */
export interface TrainerOptions {
  /** What it learns from. */
  readonly batches: BatchSource;
  readonly optimizer: OptimizerOptions;
  /** What is trained in place of the weights. @defaultValue the weights themselves */
  readonly adapter?: Adapter | undefined;
  /** @defaultValue constant */
  readonly schedule?: Schedule | undefined;
  /** Limit of the gradient's global norm; `false`: none. @defaultValue 1 */
  readonly clip?: number | false | undefined;
  /** Batches whose gradients are averaged for one step. @defaultValue 1 */
  readonly accumulate?: number | undefined;
  /** `layers`: mixers and feed-forwards are computed again on the way back, to take less memory. @defaultValue 'none' */
  readonly recompute?: 'none' | 'layers' | undefined;
  /** Of random numbers that layers draw in training. @defaultValue 0 */
  readonly seed?: number | undefined;
  /** Bytes that training may take on the device, beside the model that was handed in. @defaultValue what the device gives */
  readonly memoryLimit?: number | undefined;
}

/** What a checkpoint remembers of {@link TrainerOptions}: plain data. */
export interface TrainerSettings {
  readonly optimizer: OptimizerSettings;
  readonly schedule: Schedule;
  readonly clip: number | undefined;
  readonly accumulate: number;
  readonly recompute: 'none' | 'layers';
  readonly seed: number;
  /** Of the adapter, if there is one. */
  readonly adapter?: object | undefined;
}

const names = ['batches', 'optimizer', 'adapter', 'schedule', 'clip', 'accumulate', 'recompute', 'seed', 'memoryLimit'];

/**
 * Options with their defaults.
 * @throws {@link UnsupportedOptionError} naming what is unknown or out of range
 */
export function trainerSettings(given: TrainerOptions): TrainerSettings {
  checkNames(given, names, 'train');
  const { schedule = { kind: 'constant' }, clip = 1, accumulate = 1, recompute = 'none', seed = 0 } = given;
  if (clip !== false) checkNumber(clip, 'clip', { above: 0 });
  checkNumber(accumulate, 'accumulate', { min: 1, whole: true });
  oneOf(recompute, ['none', 'layers'], 'recompute');
  checkNumber(seed, 'seed', { min: 0, whole: true });
  if (given.memoryLimit !== undefined) checkNumber(given.memoryLimit, 'memoryLimit', { min: 0 });
  return {
    optimizer: optimizerSettings(given.optimizer),
    schedule: checkSchedule(schedule),
    clip: clip === false ? undefined : clip,
    accumulate,
    recompute,
    seed,
    ...(given.adapter && { adapter: given.adapter.settings }),
  };
}
