import type { Model } from '@tessera/assembler';
import type { TensorRule } from '@tessera/plugin';
import type { Adapter } from './adapter.ts';
import type { ByPath } from './optimizers/update-rule.ts';
import { nextTokenLoss } from './step/next-token-loss.ts';
import type { TrainStep } from './step/train-step.ts';

/** Which tensors are trained, and how the parameters of the model are made of them. */
export interface Parametrization {
  /** First values, on the device. */
  readonly start: ByPath;
  /** Between trained tensors and those under whose names they are published. */
  readonly rules: readonly TensorRule[] | undefined;
  /** Parameters of the model from trained tensors. */
  parametersOf(trained: ByPath): ByPath;
  /** What is minimised. */
  readonly lossOf: TrainStep['lossOf'];
}

/** The weights themselves, or what an adapter has in place of them. */
export function parametrizationOf(model: Model, adapter: Adapter | undefined): Parametrization {
  const parametersOf: Parametrization['parametersOf'] = (trained) =>
    adapter ? adapter.apply(model.params, trained) : trained;
  return {
    start: adapter?.tensors ?? model.params,
    rules: adapter ? undefined : model.origin?.rules,
    parametersOf,
    lossOf: (graph, trained, batch) =>
      adapter?.loss
        ? adapter.loss({ graph, weights: model.params, trained, batch })
        : nextTokenLoss(graph, parametersOf(trained), batch),
  };
}
