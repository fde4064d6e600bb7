import { createAssembler } from '@tessera/assembler';
import type { Assembler } from '@tessera/assembler';
import { gatedDeltaNet } from '@tessera/attention-linear';
import { softmax } from '@tessera/attention-softmax';
import { feedForward } from '@tessera/feedforward';
import { norms } from '@tessera/norms';
import { definePlugin } from '@tessera/plugin';
import type { Plugin } from '@tessera/plugin';

/** Of linear attention the one that is trained here. */
const linearAttention: Plugin = definePlugin({
  contract: 'plugin/1',
  name: '@tessera/attention-linear',
  mixers: [gatedDeltaNet],
});

/** The families of which models are made here. */
export const plugins: readonly Plugin[] = [softmax, linearAttention, norms, feedForward];

/** Draws new models and loads those that were downloaded. */
export const trainingAssembler: Assembler = createAssembler({ plugins });
