import type { Statistics } from '../statistics.ts';

/** Times of one step by the clock, microseconds. */
export interface StepTimes {
  /** What it gives is on the host before the next begins. */
  readonly awaited: Statistics;
  /** Several after one another, and only the last one's result is awaited: the GPU is never idle for want of work. */
  readonly batched: Statistics;
  /** Host time of recording it. */
  readonly host: Statistics;
}
