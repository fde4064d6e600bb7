import type { Bound } from '../work.ts';
import type { Part } from './parts.ts';
import type { StepTimes } from './step-times.ts';

/** One step down the waterfall, microseconds. */
export interface WaterfallStep {
  readonly label: string;
  readonly kind: 'bound' | 'kernels' | 'gaps' | 'host' | 'readback';
  readonly microseconds: number;
}

/** Where the time of a step goes: the steps add up to {@link Waterfall.total}. */
export interface Waterfall {
  readonly title: string;
  readonly bound: Bound;
  /** GPU time of all kernels, and of each kind of them. */
  readonly kernels: number;
  readonly parts: readonly Part[];
  readonly dispatches: number;
  readonly steps: readonly WaterfallStep[];
  /** Wall time of a step whose result is awaited before the next begins. */
  readonly total: number;
}

/**
 * From the bound to what somebody waits for.
 *
 * Kernels: the sum of their GPU time; what exceeds the bound is theirs to lose. Gaps: what a step takes longer than its
 * kernels while the GPU always has work. Host and readback: what is added when each result is awaited; of that the host's
 * share is the time of recording a step, which then nothing hides, and the rest is the way of the result to the host.
 */
export function waterfallOf(title: string, bound: Bound, parts: readonly Part[], times: StepTimes): Waterfall {
  const kernels = parts.reduce((total, { microseconds }) => total + microseconds, 0);
  const dispatches = parts.reduce((total, { count }) => total + count, 0);
  const total = times.awaited.median;
  const busy = Math.min(times.batched.median, total);
  const gaps = Math.max(0, busy - kernels);
  const waiting = Math.max(0, total - Math.max(busy, kernels));
  const host = Math.min(times.host.median, waiting);
  const least = Math.min(bound.microseconds, kernels);
  return {
    title,
    bound,
    kernels,
    parts,
    dispatches,
    steps: [
      {
        label: bound.by === 'memory' ? 'bound: bytes over the copy roof' : 'bound: flops over the multiply-add roof',
        kind: 'bound',
        microseconds: least,
      },
      { label: 'kernels beyond the bound', kind: 'kernels', microseconds: kernels - least },
      { label: 'gaps between dispatches', kind: 'gaps', microseconds: gaps },
      { label: 'host: recording the step', kind: 'host', microseconds: host },
      { label: 'readback: the result comes to the host', kind: 'readback', microseconds: waiting - host },
    ],
    total,
  };
}
