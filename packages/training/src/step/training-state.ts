import type { Tensor, TensorType } from '@tessera/tensor-core';
import { placeholder } from '@tessera/tensor-core';
import type { Optimizer } from '../optimizers/parameter-groups.ts';
import type { ByPath, Slots } from '../optimizers/update-rule.ts';

/** All that a training step takes over and gives anew: a tree of tensors, f32. */
export interface TrainingState {
  /** Trained parameters by path. */
  readonly params: ByPath;
  /** What the optimiser remembers of each. */
  readonly slots: ByPath<Slots>;
  /** 1, and 0 after a loss or gradient that was not finite: from then on nothing changes any more. A scalar. */
  readonly healthy: Tensor;
}

/** The form of the state of an optimiser over parameters of these shapes. */
export function stateForm(optimizer: Optimizer, shapes: Readonly<Record<string, readonly number[]>>): TrainingState {
  const input = (shape: readonly number[]): Tensor => placeholder({ shape, dtype: 'f32' });
  const slots: Record<string, Slots> = {};
  for (const { paths, update } of optimizer.groups)
    for (const path of paths)
      slots[path] = Object.fromEntries(
        optimizer.updates[update]!.slots.map((name) => [name, input(shapes[path]!)] as const),
      );
  return {
    params: Object.fromEntries(Object.entries(shapes).map(([path, shape]) => [path, input(shape)])),
    slots,
    healthy: input([]),
  };
}

/** Types of tensors, as `trace` takes them. */
export function typesOf(tensors: readonly Tensor[]): TensorType[] {
  return tensors.map(({ shape, dtype }) => ({ shape, dtype }));
}
