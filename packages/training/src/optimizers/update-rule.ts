import type { TensorRule } from '@tessera/plugin';
import type { Tensor } from '@tessera/tensor-core';

/** Tensors of one group of parameters, by path. */
export type ByPath<T = Tensor> = Readonly<Record<string, T>>;

/** What an optimiser remembers of one parameter: tensors of its shape, f32, by name. */
export type Slots = Readonly<Record<string, Tensor>>;

/** What {@link UpdateRule.update} is given: the parameters that together are the published tensors of one rule. */
export interface UpdateCall {
  /** Between these parameters and the tensors under which they are published. */
  readonly rule: TensorRule;
  readonly params: ByPath;
  readonly gradients: ByPath;
  readonly slots: ByPath<Slots>;
  /** What {@link UpdateRule.numbers} gave for this step, each a scalar on the device. */
  readonly numbers: readonly Tensor[];
  /** Whether weight decay counts for these. */
  readonly decays: boolean;
}

/** Parameters and what is remembered of them after a step. */
export interface Updated {
  readonly params: ByPath;
  readonly slots: ByPath<Slots>;
}

/** One way of updating parameters: a pure function of recorded tensors. Nothing of the host is in its graph but settings. */
export interface UpdateRule {
  readonly kind: string;
  /** Names of what is remembered of each parameter. It starts as zeros. */
  readonly slots: readonly string[];
  /**
   * Numbers that change from step to step, computed on the host in double precision; always as many.
   * @param step - from 0
   * @param factor - of the schedule, by which the learning rate is scaled
   */
  numbers(step: number, factor: number): readonly number[];
  update(call: UpdateCall): Updated;
}

/** Updates each parameter by itself, where a rule looks at elements only. */
export function updateEach(
  { params, gradients, slots }: UpdateCall,
  update: (param: Tensor, gradient: Tensor, slots: Slots) => { readonly param: Tensor; readonly slots: Slots },
): Updated {
  const made = Object.entries(params).map(
    ([path, param]) => [path, update(param, gradients[path]!, slots[path]!)] as const,
  );
  return {
    params: Object.fromEntries(made.map(([path, { param }]) => [path, param])),
    slots: Object.fromEntries(made.map(([path, updated]) => [path, updated.slots])),
  };
}
