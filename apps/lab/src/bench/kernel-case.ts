import type { Cost, HostArray, Tensor, TensorType } from '@tessera/tensor-core';

/** Rows are chosen and shown by these. */
export const groupNames = [
  'roofs',
  'matmul',
  'gemv',
  'attention',
  'decode',
  'latent',
  'norms',
  'maps',
  'delta-rule',
  'linear',
] as const;

/** One of {@link groupNames}. */
export type Group = (typeof groupNames)[number];

/** An element of a result, and what it must be. */
export interface Sample {
  readonly index: number;
  readonly value: number;
}

/** An input that is filled with random numbers, unless its values are given. */
export interface CaseInput extends TensorType {
  /** Numbers are in (−scale, scale). @defaultValue 1 */
  readonly scale?: number;
  /** What is made of each number, of 32 bits. @defaultValue the number itself */
  readonly map?: (draw: number) => number;
  readonly values?: HostArray;
}

/** An input that a run overwrites: the next run is given what this one made of it. */
export interface Carried {
  readonly input: number;
  readonly output: number;
}

/** What a row says of a form of linear attention: forms of one mechanism are compared by the time of a token. */
export interface SequenceForm {
  readonly mechanism: string;
  readonly form: 'loop' | 'chunks' | 'chunks, forward and backward';
  /** Tokens of a unit of the work. */
  readonly tokens: number;
}

/** One row of the benchmark: what is computed, what it costs at least, and what must come out. */
export interface KernelCase {
  readonly group: Group;
  /** With the group, what the row of a peer is found by. */
  readonly shape: string;
  /** Of the weights, or of everything. */
  readonly dtype: 'f32' | 'f16' | 'bf16';
  /** A feature without which the row cannot be. */
  readonly needs?: 'shader-f16';
  readonly inputs: readonly CaseInput[];
  /** State that goes from run to run, each of which is then a step of a loop. @defaultValue none */
  readonly carried?: readonly Carried[];
  /** Runs that are timed together. @defaultValue as many as fill some milliseconds */
  readonly batch?: number;
  /** What is checked is the result of so many runs from the beginning. @defaultValue 1 */
  readonly checkedRuns?: number;
  readonly sequence?: SequenceForm;
  /** The graph that is timed. Of several results the last that is not carried is checked; all of them are computed. */
  build(inputs: readonly Tensor[]): Tensor | readonly Tensor[];
  /**
   * How often the work is done in one run, each time on other data and after the last: what is small is so timed without its
   * data lying in a cache, and in one submit.
   */
  readonly units: number;
  /** Compulsory work of a unit: each input read once, each output written once, and the flops of the algorithm. */
  readonly work: Cost;
  /** Elements of the result, in float64. */
  check(data: readonly HostArray[]): readonly Sample[] | Promise<readonly Sample[]>;
  /** The largest difference that is accepted, as a part of the largest expected value. */
  readonly tolerance: number;
}

/** Some places of an array, its first and its last among them; all of them where there are not more. */
export function somePlaces(size: number, count: number): number[] {
  if (size <= count) return Array.from({ length: size }, (_, i) => i);
  const places = new Set([0, size - 1]);
  let state = 12_345;
  while (places.size < count) {
    state = (state * 48_271) % 2_147_483_647;
    places.add(state % size);
  }
  return [...places].toSorted((a, b) => a - b);
}
