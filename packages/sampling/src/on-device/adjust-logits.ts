import { add, and, cast, div, equal, greater, iota, less, mul, notEqual, or, sub, where } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import { column } from './choice.ts';
import { marks as bits, reals, words } from './device-sampler.ts';
import type { DeviceSampler, SamplerSettings } from './device-sampler.ts';

const countOf = bits.forbidden - 1;

/**
 * Logits `[B, V]` with all that comes before the temperature, and the marks that count the last choice, too. It is only
 * elementwise, so that an executor fuses it.
 */
export function adjustLogits(
  logits: Tensor,
  { choice, marks: before, settings }: DeviceSampler,
): { readonly logits: Tensor; readonly marks: Tensor } {
  const { bias, ...options } = settings!;
  const step = column(choice, 2);
  const last = and(equal(iota(logits.shape, 1), column(choice, 0)), greater(step, 0)); // before the first choice it is the prompt's
  const marks = add(before!, cast(last, 'u32'));
  const has = (mask: number): Tensor => notEqual(and(marks, mask), 0);
  const real = (name: keyof typeof reals): Tensor => setting(options, name);
  const repetition = real('repetition');
  const repeated = where(less(logits, 0), mul(logits, repetition), div(logits, repetition));
  const once = where(has(bits.inPrompt + countOf), repeated, logits);
  const often = add(mul(real('frequency'), cast(and(marks, countOf), 'f32')), real('presence'));
  const penalised = where(has(countOf), sub(once, often), once);
  const early = less(cast(step, 'u32'), column(options.words, words.minNewTokens));
  const forbidden = or(has(bits.forbidden), and(has(bits.endsText), early));
  return { logits: where(forbidden, -Infinity, add(penalised, bias!)), marks };
}

function setting({ reals: values }: Pick<SamplerSettings, 'reals'>, name: keyof typeof reals): Tensor {
  return column(values, reals[name]);
}
