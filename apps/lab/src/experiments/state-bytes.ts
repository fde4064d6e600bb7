import {
  gatedDeltaProduct,
  lightningAttention,
  lightningSlopes,
  simpleGatedLinearAttention,
} from '@tessera/attention-linear';
import type { MixerUse } from '@tessera/plugin';
import { stateBytesAfter } from '@tessera/plugin-testing';
import type { Device } from '@tessera/tensor-core';
import { mixers } from './mixers.ts';

/** What the state of a mixer took. */
export interface StateBytesRow {
  readonly mixer: string;
  /** Bytes of its buffers after each number of tokens, as the device counts what it holds. */
  readonly bytes: readonly number[];
}

/** Of one layer: heads and their width; as wide as all heads together. */
const [heads, headDim] = [4, 16];
const dModel = heads * headDim;
/** Tokens of a step. */
const chunk = 512;

const sizes = { keyDim: headDim, valueDim: headDim };
const uses: Readonly<Record<string, MixerUse>> = {
  ...Object.fromEntries(Object.entries(mixers).map(([name, make]) => [name, make({ heads, headDim })])),
  lightning: lightningAttention({ heads, ...sizes, slopes: lightningSlopes(heads, 0, 2) }),
  'simple-gla': simpleGatedLinearAttention({ heads, ...sizes }),
  'gated-delta-product': gatedDeltaProduct({ keyHeads: heads, ...sizes }),
};

/** Names of the mixers whose states are counted. */
export const countedMixers: readonly string[] = Object.keys(uses);

/**
 * Runs one layer of a mixer over so many tokens, each number of them anew, and says what the buffers of its state hold then: the same for
 * a state that is constant, as many bytes more for each token for a cache.
 * @throws Error when an output is not a number, and for a mixer that is none
 */
export async function stateBytes(device: Device, mixer: string, counts: readonly number[]): Promise<StateBytesRow> {
  const use = uses[mixer];
  if (!use) throw new Error(`There is no mixer '${mixer}', expected ${countedMixers.join(', ')}.`);
  const bytes: number[] = [];
  for (const tokens of counts) bytes.push(await stateBytesAfter(use, device, { tokens, chunk, dModel }));
  return { mixer, bytes };
}
