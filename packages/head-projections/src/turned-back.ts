import { rotary } from '@tessera/ops';
import { neg } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import { anglesOf } from './rotary-config.ts';
import type { RotaryConfig } from './rotary-config.ts';

/**
 * Rotated heads `x [B, n, H, d]` as they would be `back [B, n]` positions before. Rotations add, and this is one, so that nothing
 * accumulates; where `back` is 0 nothing changes, to the bit.
 */
export function turnedBack(x: Tensor, back: Tensor, config: RotaryConfig | undefined): Tensor {
  if (!config) return x;
  const settings = { ...(config as Required<RotaryConfig>), attentionFactor: 1 }; // x has it
  const { cos, sin } = anglesOf(settings, x.shape[3]!, back);
  return rotary(x, { cos, sin: neg(sin) }, settings.order);
}
