import type { Cost } from '@tessera/tensor-core';

/** What a device reached in this process, and thus the most that a kernel here can hope for. */
export interface Roofs {
  /** GB/s read and written by a copy that is much larger than the caches. */
  readonly copy: number;
  /** TFLOP/s of multiply-adds in registers. */
  readonly f32: number;
}

/** The least time for some work, and what sets it. */
export interface Bound {
  readonly microseconds: number;
  readonly by: 'memory' | 'arithmetic';
}

/**
 * The least time of compulsory work under measured roofs: every kernel accumulates in f32, whatever its weights are stored in,
 * so that f32 multiply-adds bound its arithmetic.
 */
export function boundOf({ bytes, flops }: Cost, { copy, f32 }: Roofs): Bound {
  const memory = bytes / copy / 1e3;
  const arithmetic = flops / f32 / 1e6;
  return memory >= arithmetic ? { microseconds: memory, by: 'memory' } : { microseconds: arithmetic, by: 'arithmetic' };
}

/** GB/s. */
export function gigabytesPerSecond(bytes: number, microseconds: number): number {
  return bytes / microseconds / 1e3;
}

/** TFLOP/s. */
export function teraflops(flops: number, microseconds: number): number {
  return flops / microseconds / 1e6;
}
