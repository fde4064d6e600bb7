import type { Model } from '@tessera/assembler';
import type { Device } from '@tessera/tensor-core';

/** What a large GPU reads while the dispatches of a layer wait for each other: 45 µs a layer on an H100. */
const layerBytes = 128 * 2 ** 20;
/** What it reads until a token is on the host and what follows from it is back: 0.3 ms. */
const hostBytes = 768 * 2 ** 20;

/**
 * What a step costs, as bytes that it reads. On a GPU each layer waits for the one before it, which takes as long as reading some more; what is
 * before the layers and behind them is as many dispatches as one.
 */
export function stepBytes({ memory, spec, device }: Model): number {
  return memory.weightBytes + (spec.layers.length + 1) * waitingBytes(device);
}

/** What a layer waits, as bytes that are read meanwhile. */
export function waitingBytes({ onHost }: Pick<Device, 'onHost'>): number {
  return onHost ? 0 : layerBytes;
}

/**
 * What tokens take in the pass that verifies them, in steps: on the CPU it is arithmetic; on a GPU the weights are read anyway, and arithmetic and
 * activations come on top, which are the more per token the more there are. Measured on an H100: 0.15 for 3 and 0.56 for 7 of them.
 */
export function verifyCost({ onHost }: Pick<Device, 'onHost'>): { readonly token: number; readonly square: number } {
  return onHost ? { token: 0.4, square: 0 } : { token: 0.04, square: 0.0055 };
}

/**
 * What a round with a draft takes beside its tokens, in steps: what is taken back, most of all by layers that are stepped again; on a GPU
 * the dispatches of that, a quarter of a step of 1.1 B on an H100; and where the host proposes, that the device waits for it.
 */
export function roundCost(target: Model, onDevice: boolean): number {
  const { layers } = target.graph.resolved;
  const again = layers.filter(({ mixer }) => mixer && !mixer.part.decoding?.commit).length / Math.max(1, layers.length);
  const taken = target.device.onHost ? 0.1 + 0.2 * again : 0.25 + 0.08 * again;
  return taken + (onDevice ? 0 : hostBytes / stepBytes(target));
}

/** Of as many entries products still go row by row, beside the weights that they read. */
const fewEntries = 8;

/**
 * Lengths of drafts, ascending: few, since each is programs to compile; and with the token before them no longer than what a GPU takes
 * at once, as long as nobody asks for more.
 */
export function deviceLengths(longest: number): number[] {
  const few = [2, 4, fewEntries - 1].filter((length) => length < longest);
  return longest <= fewEntries ? [...few, longest].filter((length) => length < fewEntries) : [...few, longest];
}
