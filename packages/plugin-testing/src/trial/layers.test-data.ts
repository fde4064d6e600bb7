import type { MixerUse } from '@tessera/plugin';
import type { MixerLawsOptions } from '../mixer-laws.ts';
import { stackMixers } from '../stack-mixers.ts';
import { contextAverage } from './context-average.ts';
import { firstValues } from './first-values.ts';
import { gatedDeltaNet } from './gated-delta-net.ts';
import { growingCache } from './growing-cache.ts';
import { memoryMosaic } from './memory-mosaic.ts';
import { cacheReader } from './cache-reader.ts';
import { cacheWriter } from './cache-writer.ts';
import { testTimeTraining } from './test-time-training.ts';
import { wholeSequenceEncoder } from './whole-sequence-encoder.ts';

const stack = (...uses: MixerUse[]): MixerUse => ({ mixer: stackMixers(uses), config: {} });
const values = { values: [12] };

/** Layers of very different kinds, with what the laws are told about them. */
export const layers: readonly [string, MixerUse, Partial<MixerLawsOptions>?][] = [
  ['attention with a growing cache, by the defaults of the contract', growingCache({})],
  ['a recurrent layer with a convolution', gatedDeltaNet({ heads: 2 }), { segments: false }],
  ['a memory whose last pair waits for the next token', memoryMosaic({}), { segments: false }],
  ['a memory that learns at every entry from learned weights on', testTimeTraining({ chunk: 1 }), { segments: false }],
  ['a memory that learns by chunks from learned weights on', testTimeTraining({ chunk: 4 }), { segments: false }],
  ['a later layer that reads the cache of an earlier one', stack(cacheWriter({}), cacheReader({}))],
  ['a layer that reads a link by position', firstValues({}), { segments: false, links: values }],
  [
    'a stack of layers of many kinds with links between them',
    stack(firstValues({}), cacheWriter({}), gatedDeltaNet({ heads: 3 }), firstValues({}), cacheReader({})),
    { segments: false, links: values },
  ],
  ['a decoder that looks at a context', contextAverage({}), { segments: false, context: 5 }],
  ['an encoder', wholeSequenceEncoder({}), { segments: false }],
];
