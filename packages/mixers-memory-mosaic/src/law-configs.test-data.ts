import type { MixerUse } from '@tessera/plugin';
import { contextualMemory } from './contextual/contextual-memory.ts';
import { persistentMemory } from './persistent/persistent-memory.ts';

/** Memories that the laws are put to. */
export const uses: readonly [string, MixerUse][] = [
  ['two heads', contextualMemory({ heads: 2 })],
  ['biases, a window of 5', contextualMemory({ heads: 3, bias: true, window: 5 })],
  ['a window of 1', contextualMemory({ heads: 2, window: 1 })],
  ['keys of one entry alone, narrow heads', contextualMemory({ heads: 3, headDim: 2, leak: 40 })],
  ['a plain sum of keys', contextualMemory({ heads: 2, leak: 0 })],
  ['values of two maps', contextualMemory({ heads: 2, valueTaps: 2 })],
  ['keys and values of three entries', contextualMemory({ heads: 2, keyTaps: 3, valueTaps: 3, bias: true })],
  ['values of the next entry alone', contextualMemory({ heads: 2, valueTaps: 1 })],
  ['looking three ahead', contextualMemory({ heads: 2, lookAhead: 3 })],
  ['looking two ahead by taps', contextualMemory({ heads: 2, lookAhead: 2, valueTaps: 4 })],
  ['without look-ahead', contextualMemory({ heads: 2, lookAhead: 0, keyTaps: 2 })],
  ['a store', persistentMemory({ heads: 2, slots: 5 })],
  ['three stores, biases, keys of two entries', persistentMemory({ heads: 3, slots: 7, stores: 3, bias: true, keyTaps: 2 })], // prettier-ignore
  ['a store of nothing', persistentMemory({ heads: 2, slots: 0, bias: true })],
];
