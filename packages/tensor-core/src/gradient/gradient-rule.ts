import type { GradientCall } from '../op.ts';
import type { Tensor } from '../tensor.ts';

/** Carries cotangents of outputs (undefined: nothing flows) back to `wrt`. */
export type PullBack = (
  outputs: readonly Tensor[],
  cotangents: readonly (Tensor | undefined)[],
  wrt: readonly Tensor[],
) => (Tensor | undefined)[];

/**
 * Gives one cotangent for each input of a call, undefined where nothing flows. Those of inputs that are not needed are dropped;
 * most cost nothing unless they are read, but a loop computes what it carries.
 */
export type GradientRule<A extends object = never> = (
  call: GradientCall<A>,
  pullBack: PullBack,
  needed: readonly boolean[],
) => readonly (Tensor | undefined)[];
