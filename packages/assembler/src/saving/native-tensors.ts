import type { FloatDtype, LazyTensor } from '@tessera/checkpoints';
import { fromFloat32 } from '@tessera/checkpoints';
import type { ModelParts } from '../model/model.ts';
import { readNumbers } from './read-numbers.ts';

/** The tensors of a model under our own names. */
export function nativeTensors({ params, device }: ModelParts, dtype: FloatDtype): LazyTensor[] {
  return Object.entries(params).map(([name, tensor]) => ({
    name,
    dtype,
    shape: tensor.shape,
    bytes: async () => fromFloat32(await readNumbers(tensor, device), dtype),
  }));
}
