import { DeviceLostError, OutOfMemoryError, TesseraError, isTesseraError } from '@tessera/tensor-core';
import type { HeldMemory } from './counters.ts';

/** A point in the order of what was asked of the device. */
export interface Checkpoint {
  readonly floor: number;
  readonly ceiling: number;
  readonly settled: Promise<unknown>;
}

/** How long the word that a device was lost may come after the first sign of it. */
const graceMilliseconds = 200;

/**
 * What went wrong on a device. WebGPU tells errors later and apart from the call: here each call is made under error
 * scopes, the first error waits for the next read or compilation, and the end of the device rejects all that waits.
 */
export class Failures {
  /** Settles when the device is lost, never when it is disposed. */
  readonly lost: Promise<DeviceLostError>;
  readonly #device: GPUDevice;
  readonly #held: HeldMemory;
  readonly #waiting = new Set<(error: TesseraError) => void>();
  #found: { readonly serial: number; readonly error: TesseraError }[] = [];
  #serial = 0;
  #reported = 0;
  #settled: Promise<unknown> = Promise.resolve();
  #end: TesseraError | undefined;

  /** @param onEnd - called once, when the device is lost */
  constructor(device: GPUDevice, held: HeldMemory, onEnd: () => void) {
    this.#device = device;
    this.#held = held;
    this.lost = new Promise((resolve) => {
      void device.lost.then(({ reason, message }) => {
        if (this.#end) return;
        const error = new DeviceLostError(
          `The GPU device was lost (${reason}${message ? `: ${message.trim()}` : ''}). Request a device again and load the model again.`,
          { facts: { reason } },
        );
        this.end(error);
        onEnd();
        resolve(error);
      });
    });
  }

  /** True once the device was lost or disposed. */
  get ended(): boolean {
    return this.#end !== undefined;
  }

  /** The number of the last error that was told. */
  get reported(): number {
    return this.#reported;
  }

  /** Throws when the device was lost or disposed. */
  check(): void {
    if (this.#end) throw this.#end;
  }

  /** Rejects all that waits, and whatever comes later. */
  end(error: TesseraError): void {
    this.#end ??= error;
    for (const reject of this.#waiting) reject(this.#end);
    this.#waiting.clear();
  }

  /** As `promise`, but rejects when the device ends first. */
  guard<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#end) reject(this.#end);
      else this.#waiting.add(reject);
      promise.then(
        (value) => {
          this.#waiting.delete(reject);
          resolve(value);
        },
        (error: unknown) => {
          this.#waiting.delete(reject);
          reject(error as Error);
        },
      );
    });
  }

  /**
   * Does something on the device under error scopes. What goes wrong is told by the next read or compilation.
   * @param what - told in the error
   * @param asked - bytes of memory that it asks for
   */
  scope<T>(what: string, work: () => T, { asked, onError }: { asked?: number; onError?: () => void } = {}): T {
    const held = { ...this.#held };
    this.#device.pushErrorScope('out-of-memory');
    this.#device.pushErrorScope('validation');
    try {
      return work();
    } finally {
      const serial = ++this.#serial;
      const watch = (popped: Promise<GPUError | null>, explain: (message: string) => TesseraError): Promise<void> =>
        popped.then(
          (error) => {
            if (!error || this.#end) return;
            onError?.();
            this.#add(serial, explain(error.message.trim()));
          },
          () => {}, // The device ended.
        );
      const validation = watch(this.#device.popErrorScope(), (message) => validationError(what, message));
      const memory = watch(this.#device.popErrorScope(), () => outOfMemory(what, asked, held));
      this.#settled = Promise.all([this.#settled, memory, validation]);
    }
  }

  /** An error that came outside of any scope. */
  uncaptured(message: string): void {
    this.#add(++this.#serial, validationError('the device', message));
  }

  /** All that was asked so far. @param floor - errors up to this one are somebody else's */
  checkpoint(floor: number = this.#reported): Checkpoint {
    return { floor, ceiling: this.#serial, settled: this.#settled };
  }

  /** Waits until everything before a checkpoint was accepted; rejects with the first error that nobody was told of. */
  async pass({ floor, ceiling, settled }: Checkpoint): Promise<void> {
    await this.guard(settled);
    const failure = this.#found.find(({ serial }) => serial > floor && serial <= ceiling);
    this.#reported = Math.max(this.#reported, ceiling);
    if (this.#waiting.size === 0) this.#found = this.#found.filter(({ serial }) => serial > this.#reported);
    if (failure) throw failure.error;
  }

  /**
   * Waits until buffers are mapped and everything before the checkpoint was accepted.
   * @param what - told in the error
   */
  async mapped(mapping: Promise<unknown>, checkpoint: Checkpoint, what: string): Promise<void> {
    try {
      await this.guard(mapping);
    } catch (error) {
      // A submit that was refused also makes mapping fail; its own error says why.
      await this.pass(checkpoint);
      const cause = await this.causeOf(error);
      if (isTesseraError(cause)) throw cause;
      throw new TesseraError('READBACK', `${what}: the GPU did not hand over the values: ${String(cause)}`, { cause });
    }
    await this.pass(checkpoint);
  }

  /** Why something rejected: the end of the device, of which word may come a moment later, or else the error itself. */
  async causeOf(error: unknown): Promise<unknown> {
    if (!this.#end) {
      let timer: ReturnType<typeof setTimeout> | undefined;
      const moment = new Promise((resolve) => (timer = setTimeout(resolve, graceMilliseconds)));
      await Promise.race([this.lost, moment]);
      clearTimeout(timer);
    }
    return this.#end ?? error;
  }

  #add(serial: number, error: TesseraError): void {
    // The first ones name the cause; what follows from them would fill the memory of a loop that never reads.
    if (this.#end || this.#found.length >= mostErrors) return;
    this.#found.push({ serial, error });
    this.#found.sort((a, b) => a.serial - b.serial);
  }
}

const mostErrors = 32;

function validationError(where: string, message: string): TesseraError {
  return new TesseraError('GPU_VALIDATION', `${where}: the GPU refused it: ${message}`, { facts: { where } });
}

function outOfMemory(what: string, asked: number | undefined, held: HeldMemory): OutOfMemoryError {
  return new OutOfMemoryError(
    `${what}: the GPU has no memory left${asked === undefined ? '' : ` for ${showBytes(asked)}`}, while ${showBytes(held.bytes)} in ${held.buffers} buffers were held. ` +
      'Use a smaller dtype, context or batch, or dispose what is no longer needed.',
    { facts: { asked, held: held.bytes, buffers: held.buffers } },
  );
}

/** A number of bytes for people. */
export function showBytes(bytes: number): string {
  const [unit, size] = bytes >= 2 ** 30 ? ['GiB', 2 ** 30] : bytes >= 2 ** 20 ? ['MiB', 2 ** 20] : ['bytes', 1];
  return `${Number((bytes / size).toFixed(2))} ${unit}`;
}
