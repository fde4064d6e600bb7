import type { Model } from '@tessera/assembler';
import type { Tensor } from '@tessera/tensor-core';
import { disposeTree, mapTree, sizeOf } from '@tessera/tensor-core';
import { copyWeights } from './copy-weights.ts';
import { checkStateMemory, whilePlacingState } from './estimate-memory.ts';
import { optimizerOver } from './optimizers/parameter-groups.ts';
import { parametrizationOf } from './parametrization.ts';
import type { TrainingState } from './step/training-state.ts';
import { stateForm } from './step/training-state.ts';
import { Trainer } from './trainer.ts';
import type { TrainerParts } from './trainer.ts';
import type { TrainerOptions } from './trainer-options.ts';
import { trainerSettings } from './trainer-options.ts';

/**
 * Makes a trainer. It works on copies, in f32, of the model's weights or of the adapter's tensors: the model stays as it is.
 * Without an adapter it can be disposed, if it does not own the device; an adapter's trainer reads the model's weights.
 *
 * {@includeCode ../examples/train.ts#train}
 * @throws {@link UnsupportedOptionError} naming an option that is unknown or out of range
 * @throws {@link OutOfMemoryError} when weights and optimiser state do not fit the device or the limit
 */
export async function createTrainer(model: Model, options: TrainerOptions): Promise<Trainer> {
  const parts = trainerParts(model, options);
  const { parametrization, form } = parts;
  const { device } = model;
  checkStateMemory(form, options.memoryLimit);
  const held: Tensor[] = [];
  try {
    const params = await copyWeights(parametrization.start, device);
    held.push(...Object.values(params));
    const filled = (value: number, shape: readonly number[]): Tensor => {
      const tensor = device.upload(new Float32Array(sizeOf(shape)).fill(value), { shape, dtype: 'f32' });
      held.push(tensor);
      return tensor;
    };
    const slots = mapTree(form.slots, ({ shape }) => filled(0, shape));
    const state: TrainingState = { params, slots, healthy: filled(1, []) };
    // What a device has no memory for it says with the next read.
    await device.read(state.healthy);
    return new Trainer({ ...parts, state });
  } catch (error) {
    disposeTree(held);
    throw whilePlacingState(error, form);
  }
}

/** What a trainer is made of but for its state, whose form is among it. */
export function trainerParts(model: Model, options: TrainerOptions): Omit<TrainerParts, 'state'> {
  const settings = trainerSettings(options);
  const { adapter, batches, memoryLimit } = options;
  const parametrization = parametrizationOf(model, adapter);
  const { start, rules } = parametrization;
  const shapes = Object.fromEntries(Object.entries(start).map(([path, { shape }]) => [path, shape]));
  const optimizer = optimizerOver(settings.optimizer, { shapes, rules });
  return {
    model,
    settings,
    memoryLimit,
    batches,
    adapter,
    parametrization,
    optimizer,
    form: stateForm(optimizer, shapes),
  };
}
