import { latentAttentions } from '@tessera/attention-latent';
import { linearAttention } from '@tessera/attention-linear';
import { softmax } from '@tessera/attention-softmax';
import { feedForward } from '@tessera/feedforward';
import { mixtureOfExperts } from '@tessera/feedforward-moe';
import { memoryMosaics } from '@tessera/mixers-memory-mosaic';
import { norms } from '@tessera/norms';
import type { Plugin } from '@tessera/plugin';

/** The families that the command knows. A model that needs another one is refused with the name of its package. */
export const plugins: readonly Plugin[] = [
  softmax,
  linearAttention,
  latentAttentions,
  feedForward,
  mixtureOfExperts,
  memoryMosaics,
  norms,
];
