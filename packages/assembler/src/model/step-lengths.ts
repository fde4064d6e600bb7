import type { Device } from '@tessera/tensor-core';
import { longestStep } from './estimate.ts';

/** On the host a step costs as much as its entries, so that there is one length for every few of them. */
const hostLengths = [longestStep, 32, 8, 1] as const;

/**
 * On a GPU each length is a program to compile, and a step costs the reading of all weights besides, as much as some thirty
 * entries do. So short texts take steps of 32; 512 keep the arithmetic busy, and more would let an abort wait longer.
 */
const gpuLengths = [512, 32] as const;

/** Lengths of steps that read a text, longest first. */
export function stepLengths(device: Pick<Device, 'onHost'>, capacity: number): readonly number[] {
  if (device.onHost) return hostLengths;
  const fitting = gpuLengths.filter((length) => length <= capacity);
  return fitting.length > 0 ? fitting : gpuLengths.slice(-1);
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
