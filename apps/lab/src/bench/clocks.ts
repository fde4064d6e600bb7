import type { WebGpuDevice } from '@tessera/kernels-webgpu';
import type { Tensor } from '@tessera/tensor-core';
import type { Runs } from './runs.ts';
import type { Repeats } from './scale.ts';
import { statisticsOf } from './statistics.ts';
import type { Statistics } from './statistics.ts';

/** Microseconds of one unit of work by three clocks, which are never mixed. */
export interface Clocks {
  /**
   * Between timestamps around every dispatch, summed: what the kernels take, without what lies between them. Undefined where
   * a device has no timestamps, or rounds them.
   */
  readonly gpu: Statistics | undefined;
  /** From the first call of a batch until its last result is there, divided by its runs. */
  readonly wall: Statistics;
  /** In `run`, until it returns. */
  readonly host: Statistics;
  /** Of one unit. */
  readonly dispatches: number;
}

/** A device, and whether its timestamps can be used. */
export interface TimedDevice {
  readonly device: WebGpuDevice;
  readonly timestamps: boolean;
}

/** Runs in a batch, at most: a batch is one submit, and drivers give up on long ones. */
const mostRuns = 256;

/** A batch that takes so much less than the quickest before it says that clocks are still rising. */
const quicker = 0.98;
/** How long clocks are waited for at most, as a multiple of the time in which nothing may become quicker. */
const mostWarmUps = 12;

/** Runs batches until none has become quicker for so many milliseconds. */
async function warmUp(timeBatch: () => Promise<{ readonly wall: number }>, warmMs: number): Promise<void> {
  let quickest = Infinity;
  const begun = performance.now();
  for (let since = begun; performance.now() < Math.min(since + warmMs, begun + mostWarmUps * warmMs);) {
    const took = await timeBatch();
    if (took.wall < quicker * quickest) since = performance.now();
    quickest = Math.min(quickest, took.wall);
  }
}

/** One measurement of a program by the three clocks: microseconds of one run. */
export interface Reading {
  readonly gpu: number | undefined;
  readonly wall: number;
  readonly host: number;
}

/** Times a program in the three ways. */
class Stopwatch {
  readonly #timed: TimedDevice;
  readonly #runs: Runs;
  readonly #mark: Tensor;
  #count = 1;

  constructor(timed: TimedDevice, runs: Runs) {
    this.#timed = timed;
    this.#runs = runs;
    // The queue is in order: once these four bytes are back, everything before them is done.
    this.#mark = timed.device.upload(new Float32Array(1), { shape: [1], dtype: 'f32' });
  }

  /** Runs once untimed, chooses how many runs a batch has, and warms up. */
  async prepare({ batchMs, warmMs = 0, batch }: Repeats): Promise<void> {
    await this.#timeBatch();
    const { wall } = await this.#timeBatch();
    this.#count = batch ?? Math.min(mostRuns, Math.max(1, Math.ceil((batchMs * 1000) / wall)));
    if (warmMs > 0) await warmUp(() => this.#timeBatch(), warmMs);
  }

  async take(): Promise<Reading> {
    const batch = await this.#timeBatch();
    if (!this.#timed.timestamps) return { ...batch, gpu: undefined };
    // The same submit runs once before, so that no clock has fallen asleep.
    this.#runs.times(1);
    const rows = await this.#runs.profile();
    return { ...batch, gpu: rows.reduce((total, { microseconds }) => total + microseconds, 0) };
  }

  dispose(): void {
    this.#mark.dispose();
  }

  async #timeBatch(): Promise<{ readonly wall: number; readonly host: number }> {
    const start = performance.now();
    this.#runs.times(this.#count);
    const recorded = performance.now();
    await this.#timed.device.read(this.#mark);
    const perRun = 1000 / this.#count;
    return { wall: (performance.now() - start) * perRun, host: (recorded - start) * perRun };
  }
}

/**
 * Times several programs in turn, the order of which turns round each time: whatever rises or falls meanwhile, such as the clock of a GPU, meets
 * all of them alike.
 * @returns measurements of each of the programs; those at the same place were taken one after the other
 */
export async function takeReadings(
  timed: TimedDevice,
  programs: readonly Runs[],
  repeats: Repeats,
): Promise<readonly (readonly Reading[])[]> {
  const watches = programs.map((runs) => new Stopwatch(timed, runs));
  const readings = programs.map((): Reading[] => []);
  try {
    for (const watch of watches) await watch.prepare(repeats);
    for (let i = 0; i < repeats.measurements; i++) {
      const order = [...watches.entries()];
      if (i % 2 === 1) order.reverse();
      for (const [index, watch] of order) readings[index]!.push(await watch.take());
    }
    return readings;
  } finally {
    for (const watch of watches) watch.dispose();
  }
}

/** What one program takes more than another that was timed in turn with it, by GPU time where there is any. */
export function differenceOf(
  readings: readonly Reading[],
  others: readonly Reading[],
): { readonly microseconds: Statistics; readonly clock: 'GPU' | 'wall' } {
  const took = ({ gpu, wall }: Reading): number => gpu ?? wall;
  const differences = readings.map((reading, index) => took(reading) - took(others[index]!));
  return { microseconds: statisticsOf(differences), clock: readings[0]!.gpu === undefined ? 'wall' : 'GPU' };
}

/**
 * What measurements of a program come to.
 * @param units - of work in one run
 */
export function clocksOf(readings: readonly Reading[], { dispatches }: Runs, units: number): Clocks {
  const perUnit = (values: readonly number[]): Statistics => statisticsOf(values.map((value) => value / units));
  const gpu = readings.flatMap((reading) => (reading.gpu === undefined ? [] : [reading.gpu]));
  return {
    gpu: gpu.length > 0 ? perUnit(gpu) : undefined,
    wall: perUnit(readings.map(({ wall }) => wall)),
    host: perUnit(readings.map(({ host }) => host)),
    dispatches: dispatches / units,
  };
}

/**
 * Times a program in the three ways.
 * @param units - of work in one run
 */
export async function takeClocks(timed: TimedDevice, runs: Runs, units: number, repeats: Repeats): Promise<Clocks> {
  const [readings] = await takeReadings(timed, [runs], repeats);
  return clocksOf(readings!, runs, units);
}
