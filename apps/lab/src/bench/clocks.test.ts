import type { WebGpuDevice } from '@tessera/kernels-webgpu';
import { expect, test } from 'vitest';
import { clocksOf, differenceOf, takeReadings } from './clocks.ts';
import type { Runs } from './runs.ts';

let marks = 0;
const device = {
  upload: () => {
    marks++;
    return { dispose: () => marks-- };
  },
  read: async () => new Float32Array(1),
} as unknown as WebGpuDevice;

/** Programs of so many microseconds, each of which takes one more than the last whichever that was, and who ran when. */
function rising(bases: readonly number[]): { programs: readonly Runs[]; profiled: number[] } {
  let slower = 0;
  const profiled: number[] = [];
  const programs = bases.map((base, index) => ({
    dispatches: 6,
    times: () => {},
    profile: async () => {
      profiled.push(index);
      return [{ label: 'kernel', microseconds: base + slower++ }];
    },
  }));
  return { programs: programs as unknown as readonly Runs[], profiled };
}

test('programs that are timed in turn meet what rises meanwhile alike, and their difference does not show it', async () => {
  const { programs, profiled } = rising([100, 140]);
  const [first, second] = await takeReadings({ device, timestamps: true }, programs, { measurements: 4, batchMs: 0 });
  expect(profiled).toEqual([0, 1, 1, 0, 0, 1, 1, 0]);
  expect(differenceOf(second!, first!)).toMatchObject({ clock: 'GPU', microseconds: { median: 40, n: 4 } });
  expect(clocksOf(first!, programs[0]!, 2)).toMatchObject({ gpu: { min: 50, n: 4 }, dispatches: 3 });
  expect(marks).toBe(0);
});

test('without timestamps nothing is profiled, and the clock on the wall compares', async () => {
  const { programs, profiled } = rising([100, 140]);
  const [first, second] = await takeReadings({ device, timestamps: false }, programs, { measurements: 3, batchMs: 0 });
  expect(profiled).toEqual([]);
  expect(clocksOf(first!, programs[0]!, 1).gpu).toBeUndefined();
  expect(differenceOf(second!, first!)).toMatchObject({ clock: 'wall', microseconds: { n: 3 } });
});
