import { softwareGpu } from '@tessera/software-gpu';
import { expect, test } from 'vitest';
import { openDevice } from '../adapter.ts';
import { benchStreaming, groupsOf } from './bench-streaming.ts';
import { randomStream } from './streamed-models.ts';
import { streamingShapeOf } from './streaming-shape.ts';

test('a stream has a time and the same bytes at each point, and says what attention to everything says before it evicts', async () => {
  const { device } = await openDevice(await softwareGpu(), { dry: true });
  const shape = streamingShapeOf('dry');
  const context = { device, shape, scale: 'full', inTime: () => true } as const;
  const { outcome, reason, series } = await benchStreaming(context, randomStream(shape));
  expect([outcome, reason]).toEqual(['measured', undefined]);
  const [sinks, full] = series;
  expect([sinks!.cache, full!.cache]).toEqual(['sinks', 'full']);
  for (const { points } of series) {
    expect(points.map(({ position }) => position)).toEqual(shape.points);
    for (const { perToken } of points) expect(perToken!.median).toBeGreaterThan(0);
  }
  const bytes = (which: typeof sinks): number[] => which!.points.map(({ neededBytes }) => neededBytes);
  expect(bytes(sinks)[1]).toBe(bytes(sinks)[0]);
  expect(bytes(full)[1]).toBeGreaterThan(2 * bytes(full)[0]!);
  expect(device.allocatedBytes).toBe(0);
  device.dispose();
});

test('times are those of groups of tokens behind the first ones', () => {
  expect(groupsOf([9, 9, 9, 10, 11, 12, 14, 16, 90], 2)).toEqual([1000, 2000]);
});
