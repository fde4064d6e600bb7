import type { Tensor } from '@tessera/tensor-core';
import type { Buffers } from './buffers.ts';
import { usage } from './buffers.ts';

/** GPU time of one dispatch. */
export interface DispatchTime {
  /** What the dispatch computes, as the compiler names it. */
  readonly label: string;
  /** Between the timestamps at both ends of its pass. Adapters may round them: Dawn to 65.536 µs, unless that is switched off. */
  readonly microseconds: number;
}

/** One run with the GPU time of every dispatch. */
export interface Profile {
  /** As {@link WebGpuProgram.run} returns them. */
  readonly outputs: readonly Tensor[];
  /** In the order of dispatch. */
  readonly rows: readonly DispatchTime[];
}

const mostQueries = 4096;
const mapRead = 0x01;

/** Takes the time of passes, a pair of timestamps each. */
export class Stopwatch {
  readonly #buffers: Buffers;
  readonly #passes: number;
  readonly #sets: readonly GPUQuerySet[];
  readonly #staging: GPUBuffer;
  readonly #resolved: GPUBuffer;

  constructor(device: GPUDevice, buffers: Buffers, passes: number) {
    this.#buffers = buffers;
    this.#passes = passes;
    this.#sets = Array.from({ length: Math.ceil((2 * passes) / mostQueries) }, (_, i) =>
      device.createQuerySet({ type: 'timestamp', count: Math.min(mostQueries, 2 * passes - i * mostQueries) }),
    );
    const size = Math.max(16, 16 * passes);
    this.#resolved = buffers.create('timestamps', size, usage.timestamps);
    this.#staging = buffers.create('timestamps, read back', size, usage.staging);
  }

  /** The timestamps of one pass, by number. */
  pass(index: number): GPUComputePassTimestampWrites {
    const query = 2 * index;
    return {
      querySet: this.#sets[Math.floor(query / mostQueries)]!,
      beginningOfPassWriteIndex: query % mostQueries,
      endOfPassWriteIndex: (query % mostQueries) + 1,
    };
  }

  /** Encodes the way back of the timestamps, after all passes. */
  resolve(encoder: GPUCommandEncoder): void {
    this.#sets.forEach((set, i) => encoder.resolveQuerySet(set, 0, set.count, this.#resolved, i * mostQueries * 8));
    encoder.copyBufferToBuffer(this.#resolved, 0, this.#staging, 0, this.#resolved.size);
  }

  /** Begins to bring the timestamps back. Called right after the submit. */
  map(): Promise<undefined> {
    return this.#staging.mapAsync(mapRead);
  }

  /** Microseconds of each pass, once they are mapped. */
  microseconds(): number[] {
    const ticks = new BigUint64Array(this.#staging.getMappedRange());
    return Array.from({ length: this.#passes }, (_, i) => Number(ticks[2 * i + 1]! - ticks[2 * i]!) / 1000);
  }

  /** Frees queries and buffers. */
  dispose(): void {
    for (const set of this.#sets) set.destroy();
    this.#buffers.destroy(this.#resolved);
    this.#buffers.destroy(this.#staging);
  }
}
