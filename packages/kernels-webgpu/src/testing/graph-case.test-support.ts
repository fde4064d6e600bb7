import type { Tensor } from '@tessera/tensor-core';

/** A graph that is run against the CPU, and compiled for every kind of device. */
export interface GraphCase {
  /** A sentence that is true when the graph computes what it means. */
  readonly name: string;
  readonly inputs: readonly Tensor[];
  readonly build: (...inputs: Tensor[]) => readonly Tensor[];
  /** Largest difference, relative to the largest value of an output. @defaultValue 1e-5 */
  readonly tolerance?: number;
}
