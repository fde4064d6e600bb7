import type { Device } from '@tessera/tensor-core';

/** Least positions of a session: on a GPU, where each size is programs to compile, a short chat needs one size. */
const least = { host: 64, gpu: 512 } as const;

/**
 * Capacity of a session for so many positions. Only few sizes occur, each with its own compiled steps: a size of its own for
 * every prompt would compile them anew each time.
 */
export function capacityFor(positions: number, contextLength: number, { onHost }: Pick<Device, 'onHost'>): number {
  return Math.min(contextLength, Math.max(least[onHost ? 'host' : 'gpu'], 2 ** Math.ceil(Math.log2(positions))));
}
