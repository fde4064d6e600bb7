/**
 * How much is measured. `full` and `quick` differ in the number of rows, never in how a row is measured; `dry` runs everything
 * once at tiny sizes and gives no figures.
 */
export type Scale = 'full' | 'quick' | 'dry';

/** How often a row is measured. */
export interface Repeats {
  /** Batches that are timed by the clock, and runs that are timed by the GPU. */
  readonly measurements: number;
  /** What a batch should take at least, milliseconds. */
  readonly batchMs: number;
  /**
   * Milliseconds of work before the first measurement in which nothing becomes quicker: a GPU that has rested raises its clocks bit by bit, and
   * one that was seen ran at a third of its speed until then. @defaultValue 0
   */
  readonly warmMs?: number | undefined;
  /** Runs of a batch, whatever they take. */
  readonly batch?: number | undefined;
}

/** Repeats of a kernel's row. */
export function repeatsOf(scale: Scale): Repeats {
  return scale === 'dry' ? { measurements: 1, batchMs: 0 } : { measurements: 12, batchMs: 8, warmMs: 150 };
}
