import type { Tensor } from '@tessera/tensor-core';
import { adjustLogits } from './adjust-logits.ts';
import type { DeviceSampler } from './device-sampler.ts';
import type { DeviceSampling } from './device-sampling.ts';
import { greedyChoice } from './greedy-choice.ts';
import { sampledChoice } from './sampled-choice.ts';

/**
 * Records the choice of the next token of each row: what `selectToken` does, on a device. Candidates are the same as there,
 * ties included, as far as single precision tells them apart. The number that decides has 32 bits of the 53 that the host
 * takes, and weights are whole multiples of 2⁻²⁸ of the largest (of 2⁻³¹ below 2¹⁶ tokens), so that no sum depends on an order.
 * @param logits - `[B, V]`
 * @param sampler - of `deviceSampler`, or given by the choice before
 */
export function chooseToken(
  logits: Tensor,
  sampler: DeviceSampler,
  { sampled, adjusted }: DeviceSampling,
): DeviceSampler {
  const { choice, settings } = sampler;
  const { logits: values, marks } = adjusted ? adjustLogits(logits, sampler) : { logits, marks: undefined };
  const next = sampled ? sampledChoice(values, logits, choice, settings!) : greedyChoice(values, logits, choice);
  return { choice: next, marks, settings };
}
