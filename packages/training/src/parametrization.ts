import type { Model } from '@tessera/assembler';
import type { TensorRule } from '@tessera/plugin';
import type { Adapter } from './adapter.ts';
import type { ByPath } from './optimizers/update-rule.ts';

/** Which tensors are trained, and how the parameters of the model are made of them. */
export interface Parametrization {
  /** First values, on the device. */
  readonly start: ByPath;
  /** Between trained tensors and those under whose names they are published. */
  readonly rules: readonly TensorRule[] | undefined;
  /** Parameters of the model from trained tensors. */
  parametersOf(trained: ByPath): ByPath;
}

/** The weights themselves, or what an adapter has in place of them. */
export function parametrizationOf(model: Model, adapter: Adapter | undefined): Parametrization {
  if (adapter)
    return {
      start: adapter.tensors,
      rules: undefined,
      parametersOf: (trained) => adapter.apply(model.params, trained),
    };
  return { start: model.params, rules: model.origin?.rules, parametersOf: (trained) => trained };
}
