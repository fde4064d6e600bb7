import type { Device } from '@tessera/tensor-core';
import type { ResolvedModel } from '../stack/resolve.ts';

/** Least positions of a session: on a GPU, where each size is programs to compile, a short chat needs one size. */
const least = { host: 64, gpu: 512 } as const;

/** Positions of a stream that has no end: as many as rotary tables and whole numbers of the device take. */
const endlessCapacity: number = 2 ** 30;

/** Whether the sequences of a model may go on without end, since no layer keeps all of them. */
export function isEndless({ cachePolicy }: Pick<ResolvedModel, 'cachePolicy'>): boolean {
  return cachePolicy?.endless === true;
}

/** Positions of which the state of a session is made: those asked for, or of a stream without end. */
export function capacityOf(resolved: Pick<ResolvedModel, 'cachePolicy'>, positions: number): number {
  return isEndless(resolved) ? endlessCapacity : positions;
}

/**
 * Capacity of a session for so many positions. Only few sizes occur, each with its own compiled steps: a size of its own for
 * every prompt would compile them anew each time.
 */
export function capacityFor(positions: number, contextLength: number, { onHost }: Pick<Device, 'onHost'>): number {
  return Math.min(contextLength, Math.max(least[onHost ? 'host' : 'gpu'], 2 ** Math.ceil(Math.log2(positions))));
}
