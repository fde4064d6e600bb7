import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { ProgressEvent } from './progress.ts';
import { ProgressMeter } from './progress.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

function meter(files: Record<string, number>): { events: ProgressEvent[]; meter: ProgressMeter } {
  const events: ProgressEvent[] = [];
  return { events, meter: new ProgressMeter((event) => events.push(event), new Map(Object.entries(files))) };
}

test('of many reads only few are told, and all are counted', () => {
  const { events, meter: progress } = meter({ weights: 1000 });
  progress.begin('weights');
  for (let read = 0; read < 100; read++) {
    vi.advanceTimersByTime(9);
    progress.add('weights', 10);
  }
  progress.finish();
  const types = events.map(({ type }) => type);
  expect(types.filter((type) => type === 'file-progress').length).toBeLessThan(10);
  expect(types.filter((type) => type === 'total').length).toBeLessThan(11);
  expect(types[0]).toBe('file-start');
  expect(types.slice(-3)).toEqual(['file-done', 'total', 'ready']);
  expect(events.at(-1)).toMatchObject({ loaded: 1000, total: 1000, ratio: 1 });
});

test('the time that is left follows from the time that it took', () => {
  const { events, meter: progress } = meter({ weights: 400 });
  progress.begin('weights');
  vi.advanceTimersByTime(1000);
  progress.add('weights', 100);
  expect(events[0]!.etaMs).toBeUndefined();
  expect(events[1]).toMatchObject({ type: 'file-progress', file: 'weights', ratio: 0.25, etaMs: 3000 });
  expect(events[2]).toMatchObject({ type: 'total', ratio: 0.25, etaMs: 3000 });
});

test('a model without tensors is ready at once', () => {
  const { events, meter: progress } = meter({});
  progress.finish();
  expect(events).toMatchObject([
    { type: 'total', ratio: 1 },
    { type: 'ready', ratio: 1 },
  ]);
});
