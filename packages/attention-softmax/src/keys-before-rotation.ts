import { anglesOf } from '@tessera/head-projections';
import type { RotaryConfig } from '@tessera/head-projections';
import { rotary } from '@tessera/ops';
import { maximum, neg } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import { validate } from '@tessera/plugin';
import { attentionConfig } from './attention-config.ts';
import type { AttentionConfig } from './attention-config.ts';
import type { KeyValueCache } from './key-value-cache.ts';

/** Keys of a cache as they were before their positions turned them, `[B, S, G, d]`, for inspection. */
export function keysBeforeRotation({ k, positions }: KeyValueCache, config: AttentionConfig): Tensor {
  const { rotary: turn } = validate<Required<AttentionConfig>>(attentionConfig, config, 'config');
  if (!(turn as RotaryConfig | undefined)) return k;
  const settings = turn as Required<RotaryConfig>;
  // What turned them back is the inverse of a rotation times a factor.
  const inverse = { ...settings, attentionFactor: 1 / settings.attentionFactor };
  const { cos, sin } = anglesOf(inverse, k.shape[3]!, maximum(positions, 0));
  return rotary(k, { cos, sin: neg(sin) }, settings.order);
}
