import type { DeviceCounters } from './counters.ts';
import type { Failures } from './failures.ts';

/** A shader with its place in a program, ready to be encoded. */
export interface EncodedDispatch {
  readonly pipeline: GPUComputePipeline;
  readonly grid: readonly [number, number, number];
}

/** Drivers give up on a command buffer that takes seconds; longer work goes in several. */
const mostDispatches = 8192;

/**
 * The commands of this turn of the event loop: one encoder, submitted at the end of the turn, or at once by who needs it
 * done. So a run and the read that follows it are one submit.
 */
export class CommandStream {
  readonly #device: GPUDevice;
  readonly #failures: Failures;
  readonly #counters: DeviceCounters;
  #encoder: GPUCommandEncoder | undefined;
  #pass: GPUComputePassEncoder | undefined;
  #pipeline: GPUComputePipeline | undefined;
  #dispatches = 0;
  #scheduled = false;
  /** Called after every submit. */
  onSubmit: () => void = () => {};

  constructor(device: GPUDevice, failures: Failures, counters: DeviceCounters) {
    this.#device = device;
    this.#failures = failures;
    this.#counters = counters;
  }

  /** True while commands wait to be submitted. */
  get open(): boolean {
    return this.#encoder !== undefined;
  }

  /** Encodes dispatches in the given order. */
  dispatch(dispatches: readonly EncodedDispatch[], order: readonly number[], groups: readonly GPUBindGroup[]): void {
    let pass = this.#openPass();
    for (let i = 0; i < order.length; i++) {
      const index = order[i]!;
      const { pipeline, grid } = dispatches[index]!;
      if (pipeline !== this.#pipeline) {
        pass.setPipeline(pipeline);
        this.#pipeline = pipeline;
      }
      pass.setBindGroup(0, groups[index]!);
      pass.dispatchWorkgroups(grid[0], grid[1], grid[2]);
      if (++this.#dispatches >= mostDispatches) {
        this.submit();
        if (i + 1 < order.length) pass = this.#openPass();
      }
    }
    this.#counters.dispatches += order.length;
  }

  /** The encoder, between passes. */
  encoder(): GPUCommandEncoder {
    this.#pass?.end();
    this.#pass = this.#pipeline = undefined;
    if (!this.#encoder) {
      this.#encoder = this.#device.createCommandEncoder({ label: 'turn' });
      if (!this.#scheduled) {
        this.#scheduled = true;
        queueMicrotask(() => {
          this.#scheduled = false;
          this.submit();
        });
      }
    }
    return this.#encoder;
  }

  /**
   * Submits what waits.
   * @param after - done in the same error scope
   */
  submit<T>(after?: () => T): T | undefined {
    const encoder = this.#encoder && this.encoder();
    this.#encoder = undefined;
    this.#dispatches = 0;
    if (this.#failures.ended || (!encoder && !after)) return undefined;
    const result = this.#failures.scope('submit', () => {
      if (encoder) this.#device.queue.submit([encoder.finish()]);
      return after?.();
    });
    if (encoder) this.#counters.submits++;
    this.onSubmit();
    return result;
  }

  #openPass(): GPUComputePassEncoder {
    if (!this.#pass) this.#pass = this.encoder().beginComputePass();
    return this.#pass;
  }
}
