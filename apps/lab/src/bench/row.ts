import type { Cost } from '@tessera/tensor-core';
import type { Clocks } from './clocks.ts';
import type { Group, KernelCase, SequenceForm } from './kernel-case.ts';
import type { Bound, Roofs } from './work.ts';
import { boundOf, gigabytesPerSecond, teraflops } from './work.ts';

/** What became of a row. Only `measured` has figures. */
export type Outcome =
  | 'measured'
  /** Run and checked on a device whose times say nothing. */
  | 'dry'
  /** The result was not what it must be. */
  | 'wrong'
  /** It could not be run. */
  | 'failed'
  /** The device lacks what the row is about. */
  | 'unavailable'
  /** The time was up. */
  | 'not reached';

/** Figures of a row, of one unit of its work. */
export interface RowFigures extends Clocks {
  /** Which clock the rates and the share of the roof are computed from. */
  readonly clock: 'GPU' | 'wall';
  /** Median by that clock. */
  readonly microseconds: number;
  readonly gigabytesPerSecond: number;
  readonly teraflops: number;
  /** Undefined for rows that are roofs themselves. */
  readonly bound: Bound | undefined;
  /** The bound as a part of the time. */
  readonly ofRoof: number | undefined;
  /** The rate of bytes as a part of that of the copy, whatever bounds the row. */
  readonly ofCopyRoof: number | undefined;
}

/** One row of the tables. */
export interface Row {
  readonly group: Group;
  readonly shape: string;
  readonly dtype: string;
  readonly outcome: Outcome;
  /** Why there are no figures. */
  readonly reason?: string;
  /** Largest difference from float64, as a part of the largest expected value. */
  readonly error?: number;
  readonly tolerance: number;
  readonly work: Cost;
  readonly sequence?: SequenceForm;
  readonly figures?: RowFigures;
}

/** What names a row. */
export function titleOf({ group, shape, dtype }: Pick<Row, 'group' | 'shape' | 'dtype'>): string {
  return `${group} ${shape} ${dtype}`;
}

/** A row without figures. */
export function rowWithout(one: KernelCase, outcome: Exclude<Outcome, 'measured'>, reason?: string): Row {
  const { group, shape, dtype, tolerance, work, sequence } = one;
  return {
    group,
    shape,
    dtype,
    tolerance,
    work,
    outcome,
    ...(sequence && { sequence }),
    ...(reason !== undefined && { reason }),
  };
}

/** Rates and shares of times. */
export function figuresOf(clocks: Clocks, work: Cost, roofs: Roofs | undefined): RowFigures {
  const microseconds = (clocks.gpu ?? clocks.wall).median;
  const bound = roofs && boundOf(work, roofs);
  return {
    ...clocks,
    clock: clocks.gpu ? 'GPU' : 'wall',
    microseconds,
    gigabytesPerSecond: gigabytesPerSecond(work.bytes, microseconds),
    teraflops: teraflops(work.flops, microseconds),
    bound,
    ofRoof: bound && bound.microseconds / microseconds,
    ofCopyRoof: roofs && gigabytesPerSecond(work.bytes, microseconds) / roofs.copy,
  };
}
