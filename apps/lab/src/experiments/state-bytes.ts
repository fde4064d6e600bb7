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
  /** Tokens that it had read. */
  readonly tokens: number;
  /** Bytes of its buffers, as the device counts what it holds. */
  readonly bytes: number;
}

/** Of one layer: heads and their width; as wide as all heads together. */
const [heads, headDim] = [4, 16];
const dModel = heads * headDim;
/** Tokens of a step. */
const chunk = 512;

function uses(): readonly (readonly [string, MixerUse])[] {
  const sizes = { keyDim: headDim, valueDim: headDim };
  return [
    ...Object.entries(mixers).map(([name, make]) => [name, make({ heads, headDim })] as const),
    ['lightning', lightningAttention({ heads, ...sizes, slopes: lightningSlopes(heads, 0, 2) })],
    ['simple-gla', simpleGatedLinearAttention({ heads, ...sizes })],
    ['gated-delta-product', gatedDeltaProduct({ keyHeads: heads, ...sizes })],
  ];
}

/**
 * Runs one layer of each mixer over so many tokens, and says what the buffers of its state hold then: the same for a state that is
 * constant, as many bytes more for each token for a cache.
 * @throws Error when an output is not a number
 */
export async function stateBytes(device: Device, tokens: number): Promise<StateBytesRow[]> {
  const rows: StateBytesRow[] = [];
  for (const [mixer, use] of uses())
    rows.push({ mixer, tokens, bytes: await stateBytesAfter(use, device, { tokens, chunk, dModel }) });
  return rows;
}
