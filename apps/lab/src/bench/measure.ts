import type { Device, Program, Tensor } from '@tessera/tensor-core';

/** One measured row. */
export interface Measurement {
  readonly name: string;
  /** Milliseconds of one run, the median of several batches. */
  readonly ms: number;
  /** Middle half of the batches, in milliseconds. */
  readonly spread: readonly [number, number];
  readonly dispatches: number;
  /** What the row is about, for example GB/s. */
  readonly rate: number;
  readonly unit: string;
  /** Largest difference from the check, as a part of the largest expected value. Above 1e-3 no number is given. */
  readonly error: number;
}

/** Median and quartiles. */
export function quartiles(values: readonly number[]): { median: number; low: number; high: number } {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (part: number): number => sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))]!;
  return { median: at(0.5), low: at(0.25), high: at(0.75) };
}

/**
 * Times a program: batches of runs, submitted one after another, until the work of a batch is done.
 * @param inputs - made resident by the caller; outputs are freed at once
 */
export async function timeProgram(
  device: Device,
  program: Program,
  inputs: readonly Tensor[],
  { batches = 12, runs = 20 }: { batches?: number; runs?: number } = {},
): Promise<{ median: number; low: number; high: number }> {
  // The queue is in order: once these four bytes are back, everything before them is done.
  const mark = device.upload(new Float32Array(1), { shape: [1], dtype: 'f32' });
  const finish = async (outputs: readonly Tensor[]): Promise<void> => {
    await device.read(mark);
    for (const output of outputs) output.dispose();
  };
  for (let i = 0; i < 3; i++) await finish(program.run(inputs));
  const times: number[] = [];
  for (let batch = 0; batch < batches; batch++) {
    const start = performance.now();
    for (let i = 0; i < runs - 1; i++) for (const output of program.run(inputs)) output.dispose();
    await finish(program.run(inputs));
    times.push((performance.now() - start) / runs);
  }
  mark.dispose();
  return quartiles(times);
}
