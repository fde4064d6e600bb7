import { expect, test } from 'vitest';
import { statisticsOf } from '../statistics.ts';
import { partsOf } from './parts.ts';
import type { StepTimes } from './step-times.ts';
import { waterfallOf } from './waterfall.ts';

const bound = { microseconds: 100, by: 'memory' } as const;
const parts = [
  { label: 'matmul', count: 3, microseconds: 150 },
  { label: 'norm', count: 2, microseconds: 30 },
];

function times(awaited: number, batched: number, host: number): StepTimes {
  return { awaited: statisticsOf([awaited]), batched: statisticsOf([batched]), host: statisticsOf([host]) };
}

function stepsOf(given: StepTimes): Record<string, number> {
  const { steps, total } = waterfallOf('step', bound, parts, given);
  expect(steps.reduce((sum, { microseconds }) => sum + microseconds, 0)).toBeCloseTo(total, 9);
  for (const { microseconds } of steps) expect(microseconds).toBeGreaterThanOrEqual(0);
  return Object.fromEntries(steps.map(({ kind, microseconds }) => [kind, microseconds]));
}

test('a step falls from its bound to what is awaited, and its parts add up', () => {
  expect(stepsOf(times(300, 210, 50))).toEqual({ bound: 100, kernels: 80, gaps: 30, host: 50, readback: 40 });
});

test('recording that outlasts the kernels shows as gaps, since the GPU waits for it in both orders', () => {
  expect(stepsOf(times(300, 290, 280))).toEqual({ bound: 100, kernels: 80, gaps: 110, host: 10, readback: 0 });
});

test('kernels that run faster one after another than one by one leave no negative gap', () => {
  expect(stepsOf(times(200, 170, 5))).toEqual({ bound: 100, kernels: 80, gaps: 0, host: 5, readback: 15 });
});

test('GPU time of a kind is the sum of the medians of its dispatches', () => {
  const run = (a: number, b: number, c: number): { label: string; microseconds: number }[] => [
    { label: 'matmul', microseconds: a },
    { label: 'norm', microseconds: b },
    { label: 'matmul', microseconds: c },
  ];
  expect(partsOf([run(1, 10, 4), run(2, 30, 5), run(9, 20, 6)])).toEqual([
    { label: 'norm', count: 1, microseconds: 20 },
    { label: 'matmul', count: 2, microseconds: 7 },
  ]);
});
