import { expect, test } from 'vitest';
import type { Schedule } from './schedule.ts';
import { checkSchedule, scheduleFactor } from './schedule.ts';

const cases: [Schedule, Record<number, number>][] = [
  [{ kind: 'constant' }, { 0: 1, 1000: 1 }],
  [
    { kind: 'constant', warmup: 10 },
    { 0: 0.1, 4: 0.5, 9: 1, 10: 1, 99: 1 },
  ],
  [
    { kind: 'linear', warmup: 10, steps: 110 },
    { 0: 0.1, 9: 1, 10: 1, 60: 0.5, 110: 0, 200: 0 },
  ],
  [
    { kind: 'linear', steps: 10, floor: 0.1 },
    { 0: 1, 5: 0.55, 10: 0.1, 11: 0.1 },
  ],
  [
    { kind: 'cosine', warmup: 2, steps: 102 },
    { 1: 1, 2: 1, 27: (1 + Math.SQRT1_2) / 2, 52: 0.5, 102: 0 },
  ],
  [
    { kind: 'cosine', steps: 100, floor: 0.1 },
    { 50: 0.55, 100: 0.1 },
  ],
  [
    { kind: 'warmup-stable-decay', warmup: 4, steps: 100, decay: 20 },
    { 0: 0.25, 3: 1, 80: 1, 90: 0.5, 100: 0 },
  ],
  [
    { kind: 'warmup-stable-decay', steps: 100, decay: 0 },
    { 99: 1, 100: 0 },
  ],
];

test.each(cases)('%o', (schedule, expected) => {
  for (const [step, factor] of Object.entries(expected))
    expect(scheduleFactor(checkSchedule(schedule), Number(step))).toBeCloseTo(factor, 12);
});

test.each([
  [
    { kind: 'step' },
    'schedule.kind is "step", expected "constant" or "linear" or "cosine" or "warmup-stable-decay" or "list".',
  ],
  [{ kind: 'list', factors: [] }, 'schedule.factors, their number, is 0, expected a number at least 1.'],
  [{ kind: 'list', factors: [1, -1] }, 'schedule.factors.1 is -1, expected a number at least 0.'],
  [{ kind: 'constant', steps: 4 }, "schedule: 'steps' is not known, expected kind, warmup."],
  [{ kind: 'cosine', warmup: 10, steps: 9 }, 'schedule.steps is 9, expected a whole number at least 10.'],
  [{ kind: 'linear', steps: 9, floor: 2 }, 'schedule.floor is 2, expected a number at least 0 and at most 1.'],
  [
    { kind: 'warmup-stable-decay', warmup: 5, steps: 9, decay: 5 },
    'schedule.decay is 5, expected a whole number at least 0 and at most 4.',
  ],
])('%o is refused', (schedule, message) => {
  expect(() => checkSchedule(schedule as Schedule)).toThrow(message);
});
