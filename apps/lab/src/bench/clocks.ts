import type { WebGpuDevice } from '@tessera/kernels-webgpu';
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

/**
 * Times a program in the three ways.
 * @param units - of work in one run
 */
export async function takeClocks(
  { device, timestamps }: TimedDevice,
  runs: Runs,
  units: number,
  { measurements, batchMs, warmMs = 0, batch }: Repeats,
): Promise<Clocks> {
  // The queue is in order: once these four bytes are back, everything before them is done.
  const mark = device.upload(new Float32Array(1), { shape: [1], dtype: 'f32' });
  try {
    runs.times(1);
    await device.read(mark);
    const begun = performance.now();
    runs.times(1);
    await device.read(mark);
    const count = batch ?? Math.min(mostRuns, Math.max(1, Math.ceil(batchMs / (performance.now() - begun))));
    const timeBatch = async (): Promise<{ wall: number; host: number }> => {
      const start = performance.now();
      runs.times(count);
      const recorded = performance.now();
      await device.read(mark);
      return { wall: performance.now() - start, host: recorded - start };
    };
    if (warmMs > 0) await warmUp(timeBatch, warmMs);
    const [gpu, wall, host]: [number[], number[], number[]] = [[], [], []];
    for (let i = 0; i < measurements; i++) {
      const batch = await timeBatch();
      wall.push(batch.wall);
      host.push(batch.host);
      if (!timestamps) continue;
      // The same submit runs once before, so that no clock has fallen asleep.
      runs.times(1);
      const rows = await runs.profile();
      gpu.push(rows.reduce((total, { microseconds }) => total + microseconds, 0));
    }
    const perUnit = (values: readonly number[], factor: number): Statistics =>
      statisticsOf(values.map((value) => (value * factor) / units));
    return {
      gpu: timestamps ? perUnit(gpu, 1) : undefined,
      wall: perUnit(wall, 1000 / count),
      host: perUnit(host, 1000 / count),
      dispatches: runs.dispatches / units,
    };
  } finally {
    mark.dispose();
  }
}
