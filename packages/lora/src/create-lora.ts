import type { Model } from '@tessera/assembler';
import { initialWeights } from '@tessera/assembler';
import type { Tensor } from '@tessera/tensor-core';
import { disposeTree, sizeOf } from '@tessera/tensor-core';
import { chooseModules } from './choose-modules.ts';
import { linearModules } from './linear-modules.ts';
import { Lora, tensorName } from './lora.ts';
import type { LoraOptions } from './lora-settings.ts';
import { checkLoraOptions, sizeOfChange } from './lora-settings.ts';

/**
 * A new adapter over a model, which changes nothing yet: A is uniform in ±1/√in, as PEFT draws it, and B is zero.
 *
 * {@includeCode ../examples/train.ts#train}
 * @throws {@link UnsupportedOptionError} naming an option out of range, or a target that is no linear map of the model
 */
export async function createLora(model: Model, options: LoraOptions = {}): Promise<Lora> {
  const { targets, seed, ...settings } = checkLoraOptions(options);
  const modules = linearModules(model);
  const chosen = chooseModules(modules, targets, 'lora: targets');
  const { device } = model;
  const tensors: Record<string, Tensor> = {};
  const upload = (name: string, shape: readonly number[], values: Float32Array): void => {
    tensors[name] = device.upload(values, { shape, dtype: 'f32' });
  };
  try {
    for (const { name, inputs, outputs } of chosen) {
      const { rank } = sizeOfChange(settings, name);
      const [A, B] = [tensorName(name, 'A'), tensorName(name, 'B')];
      const shape = [rank, inputs];
      const bound = inputs ** -0.5; // of kaiming uniform with a = √5
      upload(A, shape, await initialWeights(A, { shape, init: { kind: 'uniform', low: -bound, high: bound } }, seed));
      upload(B, [outputs, rank], new Float32Array(sizeOf([outputs, rank])));
    }
    return new Lora({ model, modules, chosen, settings, tensors });
  } catch (error) {
    disposeTree(tensors);
    throw error;
  }
}
