import { TesseraError, isTesseraError } from '@tessera/tensor-core';
import type { DeviceCounters } from './counters.ts';
import type { Failures } from './failures.ts';

/** The pipelines of a device, by their source. */
export class Pipelines {
  readonly #device: GPUDevice;
  readonly #failures: Failures;
  readonly #counters: DeviceCounters;
  readonly #made = new Map<string, Promise<GPUComputePipeline>>();

  constructor(device: GPUDevice, failures: Failures, counters: DeviceCounters) {
    this.#device = device;
    this.#failures = failures;
    this.#counters = counters;
  }

  /**
   * The pipeline of a shader, made in the background when it is new.
   * @param label - told in errors
   */
  get(source: string, label: string): Promise<GPUComputePipeline> {
    let pipeline = this.#made.get(source);
    if (!pipeline) {
      this.#counters.pipelines++;
      pipeline = this.#failures.guard(this.#make(source, label));
      this.#made.set(source, pipeline);
      pipeline.catch(() => this.#made.delete(source));
    }
    return pipeline;
  }

  /** Lets go of everything. */
  clear(): void {
    this.#made.clear();
  }

  async #make(source: string, label: string): Promise<GPUComputePipeline> {
    this.#device.pushErrorScope('validation');
    const module = this.#device.createShaderModule({ code: source, label });
    const problem = this.#device.popErrorScope().catch(() => null);
    try {
      const pipeline = await this.#device.createComputePipelineAsync({
        label,
        layout: 'auto',
        compute: { module, entryPoint: 'main' },
      });
      this.#failures.check();
      return pipeline;
    } catch (error) {
      const reason = (await problem)?.message ?? (await this.#failures.causeOf(error));
      if (isTesseraError(reason)) throw reason;
      throw new TesseraError('SHADER', `The shader '${label}' does not compile: ${String(reason).trim()}`, {
        cause: error,
        facts: { label, source },
      });
    }
  }
}
