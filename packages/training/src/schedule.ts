import { checkNames, checkNumber, oneOf } from './check-options.ts';

/**
 * How the learning rate goes over the steps, as plain data. `warmup` steps rise evenly to it; a decaying schedule reaches
 * `floor` times it at step `steps`, and stays there.
 */
export type Schedule =
  | { readonly kind: 'constant'; readonly warmup?: number | undefined }
  | {
      readonly kind: 'linear' | 'cosine';
      readonly warmup?: number | undefined;
      /** Steps in all. */
      readonly steps: number;
      /** @defaultValue 0 */
      readonly floor?: number | undefined;
    }
  | {
      readonly kind: 'warmup-stable-decay';
      readonly warmup?: number | undefined;
      /** Steps in all. */
      readonly steps: number;
      /** Steps at the end in which the rate falls evenly. */
      readonly decay: number;
      /** @defaultValue 0 */
      readonly floor?: number | undefined;
    }
  | {
      readonly kind: 'list';
      /** Of each step; the last one stays. */
      readonly factors: readonly number[];
    };

const names: Readonly<Record<Schedule['kind'], readonly string[]>> = {
  constant: ['kind', 'warmup'],
  linear: ['kind', 'warmup', 'steps', 'floor'],
  cosine: ['kind', 'warmup', 'steps', 'floor'],
  'warmup-stable-decay': ['kind', 'warmup', 'steps', 'decay', 'floor'],
  list: ['kind', 'factors'],
};

/** @throws {@link UnsupportedOptionError} naming what is unknown or out of range */
export function checkSchedule(schedule: Schedule): Schedule {
  oneOf(schedule.kind, Object.keys(names), 'schedule.kind');
  checkNames(schedule, names[schedule.kind], 'schedule');
  if (schedule.kind === 'list') {
    const { factors } = schedule;
    checkNumber(Array.isArray(factors) ? factors.length : factors, 'schedule.factors, their number,', { min: 1 });
    factors.forEach((factor, index) => checkNumber(factor, `schedule.factors.${index}`, { min: 0 }));
    return schedule;
  }
  const { warmup = 0 } = schedule;
  checkNumber(warmup, 'schedule.warmup', { min: 0, whole: true });
  if (schedule.kind === 'constant') return schedule;
  checkNumber(schedule.steps, 'schedule.steps', { min: Math.max(1, warmup), whole: true });
  checkNumber(schedule.floor ?? 0, 'schedule.floor', { min: 0, max: 1 });
  if (schedule.kind === 'warmup-stable-decay')
    checkNumber(schedule.decay, 'schedule.decay', { min: 0, max: schedule.steps - warmup, whole: true });
  return schedule;
}

/** By what the learning rate is scaled at `step` (from 0): (step + 1)/warmup while it rises, so that no step is in vain. */
export function scheduleFactor(schedule: Schedule, step: number): number {
  if (schedule.kind === 'list') return schedule.factors[Math.min(step, schedule.factors.length - 1)]!;
  const { warmup = 0 } = schedule;
  if (step < warmup) return (step + 1) / warmup;
  if (schedule.kind === 'constant') return 1;
  const { steps, floor = 0 } = schedule;
  const falls = schedule.kind === 'warmup-stable-decay' ? schedule.decay : steps - warmup;
  const begin = steps - falls;
  const done = falls === 0 ? Number(step >= steps) : Math.min(1, Math.max(0, (step - begin) / falls));
  const left = schedule.kind === 'cosine' ? (1 + Math.cos(Math.PI * done)) / 2 : 1 - done;
  return floor + (1 - floor) * left;
}
