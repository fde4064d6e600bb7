import { groupedTiedAttention, multiHeadLatentAttention } from '@tessera/attention-latent';
import { softmaxAttention } from '@tessera/attention-softmax';
import type { AnyMixer, CachePolicy, MixerUse } from '@tessera/plugin';
import { decodingOf } from '@tessera/plugin';
import { sinkCache } from './sink-cache.ts';

/** The mixer with a policy in every call that has to do with its cache. */
export function under(policy: CachePolicy, { mixer, config }: MixerUse): { mixer: AnyMixer; config: object } {
  const { memory, init, step, commit, ...rest } = decodingOf(mixer);
  return {
    config: config as object,
    mixer: {
      ...mixer,
      decoding: {
        ...rest,
        memory: (site: Parameters<typeof memory>[0]) => memory({ ...site, cache: policy }),
        init: (site: Parameters<typeof init>[0]) => init({ ...site, cache: policy }),
        step: (call: Parameters<typeof step>[0]) => step({ ...call, cache: policy }),
        commit: (call: Parameters<NonNullable<typeof commit>>[0]) => commit!({ ...call, cache: policy }),
      },
    } as AnyMixer,
  };
}

/** Longer than anything that the laws read, so that what they compare with, ordinary attention, is what has to come. */
export const longer: CachePolicy = sinkCache({ sinks: 3, window: 64 });

/** Mixers that the laws are put to under {@link longer}. */
export const uses: readonly (readonly [string, MixerUse])[] = [
  ['grouped heads', softmaxAttention({ heads: 4, kvHeads: 2, headDim: 4, rotary: { theta: 100 } })],
  ['MLA', multiHeadLatentAttention({ heads: 2, headDim: 4, latentDim: 8, rotaryDim: 4, rotary: {} })],
  ['GTA', groupedTiedAttention({ heads: 4, kvHeads: 2, headDim: 8, rotaryDim: 4, rotary: {}, pageSize: 4 })],
];
