import type { Device } from '@tessera/tensor-core';
import { longestStep } from './estimate.ts';

/** On the host a step costs as much as its entries, so that there is one length for every few of them. */
const hostLengths = [longestStep, 32, 8, 1] as const;

/**
 * On a GPU each length is a program to compile, and a step costs the reading of all weights besides, as much as some thirty
 * entries do; where a large one is not kept busy by few entries, a hundred: on an H100 1.1 B read 32 in 10.8 ms, 128 in 13.1 and 512 in 43.8. So short
 * texts take steps of 32 and most prompts of 128; 512 keep the arithmetic busy, and more would let an abort wait longer.
 */
const gpuLengths = [512, 128, 32] as const;

/** Lengths of steps that read a text, longest first. */
export function stepLengths(device: Pick<Device, 'onHost'>, capacity: number): readonly number[] {
  if (device.onHost) return hostLengths;
  // What a session keeps beside its text grows with its longest step: a short one is to stay small.
  return capacity < gpuLengths[0] ? gpuLengths.slice(-1) : gpuLengths;
}

/**
 * Entries of the next step: all that is left where that fills at least half of a step or less than the shortest, else as
 * many as fill one.
 */
export function nextStep(left: number, lengths: readonly number[]): number {
  const whole = lengths.findLast((length) => length >= left);
  const part = lengths.find((length) => length <= left);
  return whole !== undefined && (part === undefined || 2 * left >= whole) ? whole : part!;
}
