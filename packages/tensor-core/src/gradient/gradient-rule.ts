import type { GradientCall } from '../op.ts';
import type { Tensor } from '../tensor.ts';

/** Carries cotangents of outputs (undefined: nothing flows) back to `wrt`. */
export type PullBack = (
  outputs: readonly Tensor[],
  cotangents: readonly (Tensor | undefined)[],
  wrt: readonly Tensor[],
) => (Tensor | undefined)[];

/** Gives one cotangent for each input of a call, undefined where nothing flows. */
export type GradientRule<A extends object = never> = (
  call: GradientCall<A>,
  pullBack: PullBack,
) => readonly (Tensor | undefined)[];
