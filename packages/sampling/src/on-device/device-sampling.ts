import type { SamplingOptions } from '../sampling-options.ts';
import { temperatureOf } from '../sampling-options.ts';

/** What a program that chooses on a device does; options of the same kind are data of one program. */
export interface DeviceSampling {
  /** False: the most likely token is taken. */
  readonly sampled: boolean;
  /** Penalties, biases or forbidden tokens change the logits first. */
  readonly adjusted: boolean;
}

/**
 * How a device can choose by these options; undefined when they need logits on the host: `logitsProcessors` and
 * `noRepeatNgramSize`.
 */
export function deviceSamplingOf(options: SamplingOptions): DeviceSampling | undefined {
  const { noRepeatNgramSize = 0, logitsProcessors = [] } = options;
  if (noRepeatNgramSize > 0 || logitsProcessors.length > 0) return undefined;
  const { repetitionPenalty = 1, frequencyPenalty = 0, presencePenalty = 0 } = options;
  const { logitBias = {}, suppressTokenIds = [], minNewTokens = 0 } = options;
  return {
    sampled: temperatureOf(options) !== 0,
    adjusted:
      repetitionPenalty !== 1 ||
      frequencyPenalty !== 0 ||
      presencePenalty !== 0 ||
      Object.keys(logitBias).length > 0 ||
      suppressTokenIds.length > 0 ||
      minNewTokens > 0,
  };
}
