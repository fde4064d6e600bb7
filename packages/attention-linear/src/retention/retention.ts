import { activations, rotary, rotaryAngles, rotaryFrequencies, rotaryTables } from '@tessera/ops';
import type { MixerFactory } from '@tessera/plugin';
import { fields, number } from '@tessera/plugin';
import { mul } from '@tessera/tensor-core';
import { checked } from '../layer/checked.ts';
import { constantDecay } from '../layer/constant-decay.ts';
import type { GatedHeadsConfig, GatedHeadsParams, GatedHeadsState } from '../layer/gated-heads.ts';
import {
  checkGatedHeads,
  gatedHeadsFields,
  gatedHeadsOutput,
  gatedHeadsParams,
  gatedHeadsState,
  gatedHeadsStreams,
} from '../layer/gated-heads.ts';
import { recurrence } from '../layer/recurrence.ts';
import { recurrentMixer } from '../layer/recurrent-mixer.ts';
import { repeatHeads } from '../layer/repeat-heads.ts';

/** Settings of {@link retention}. */
export interface RetentionConfig extends GatedHeadsConfig {
  /** Base of the rotary frequencies. @defaultValue 10000 */
  readonly rotaryTheta?: number;
}

/** Learned tensors of {@link retention}. */
export type RetentionParams = GatedHeadsParams;

/** State of {@link retention}. */
export type RetentionState = GatedHeadsState;

/** Log decays of the heads, log(1 − 2^{−5 − h}), h from 0. */
function logDecays(heads: number): number[] {
  return Array.from({ length: heads }, (_, h) => Math.log1p(-(2 ** (-5 - h))));
}

/**
 * Retention, the mixer of RetNet: a linear attention with rotated queries and keys, whose heads forget each at a fixed rate.
 *
 * S_t = γ_h S_{t−1} + k_tᵀ v_t; o_t = q_t S_t / √K (row vectors, S is [K, V]); γ_h = 1 − 2^{−5 − h}, h from 0, and the output is normalised
 * and gated.
 * @see Sun et al. 2023, arXiv:2307.08621, eq. 5 to 8.
 */
export const retention: MixerFactory<RetentionConfig, RetentionParams, RetentionState> = recurrentMixer<
  RetentionConfig,
  RetentionParams,
  RetentionState
>({
  name: '@tessera/attention-linear:retention',
  config: checked(
    fields<RetentionConfig>({ ...gatedHeadsFields, rotaryTheta: number({ min: 1, default: 10_000 }) }),
    (config) =>
      config.keyDim % 2 === 1
        ? { setting: 'keyDim', message: `is ${config.keyDim}, expected an even number, since its elements turn in pairs; set ${config.keyDim + 1}` } // prettier-ignore
        : checkGatedHeads(config),
  ),
  params: ({ config, dModel }) => gatedHeadsParams(config, dModel),
  state: ({ config }) => gatedHeadsState(config),
  run({ params: p, config, x, positions, entries }, state) {
    const { heads: H, keyDim: K } = config;
    const { q, k, v, history } = gatedHeadsStreams(p, config, x, state.conv, entries);
    const phi = activations[config.featureActivation];
    const tables = rotaryTables(rotaryFrequencies(K, config.rotaryTheta, { type: 'default' }));
    const angles = rotaryAngles(tables, positions);
    const { o, S } = recurrence(
      {
        q: mul(rotary(phi(q), angles), K ** -0.5),
        k: repeatHeads(rotary(phi(k), angles), H),
        v: repeatHeads(v, H),
        g: constantDecay(logDecays(H), x.shape),
        S: state.S,
      },
      entries,
    );
    return { y: gatedHeadsOutput(p, config, x, o), state: { conv: history, S } };
  },
});
