import type { Storage } from '@tessera/tensor-core';

/** A buffer that tensors share, with how many still need it. */
export class GpuStorage implements Storage {
  readonly buffer: GPUBuffer;
  /** Bytes of the value; the buffer may be a little larger. */
  readonly bytes: number;
  references = 1;
  /** True when somebody keeps the buffer after the last reference is gone. */
  kept = false;

  constructor(buffer: GPUBuffer, bytes: number) {
    this.buffer = buffer;
    this.bytes = bytes;
  }
}

/** Buffers that are free to be used again, by size. */
export class BufferPool {
  readonly #device: GPUDevice;
  readonly #free = new Map<number, GPUBuffer[]>();
  #created = 0;
  #held = 0;
  readonly #numbers = new WeakMap<GPUBuffer, number>();

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  /** Buffers created so far. */
  get created(): number {
    return this.#created;
  }

  /** A storage buffer of at least `bytes`. Its contents may be anything. */
  take(bytes: number): GPUBuffer {
    const size = sizeClass(bytes);
    const free = this.#free.get(size)?.pop();
    if (free) {
      this.#held -= size;
      return free;
    }
    const buffer = this.#device.createBuffer({ size, usage: 0x80 | 0x04 | 0x08 }); // STORAGE | COPY_SRC | COPY_DST
    this.#numbers.set(buffer, this.#created++);
    return buffer;
  }

  /** Gives a buffer back. Work that was submitted with it still runs first. */
  give(buffer: GPUBuffer): void {
    if (this.#held > mostHeld) return buffer.destroy();
    const list = this.#free.get(buffer.size);
    this.#held += buffer.size;
    if (list) list.push(buffer);
    else this.#free.set(buffer.size, [buffer]);
  }

  /** A number that stands for a buffer of this pool. */
  numberOf(buffer: GPUBuffer): number {
    return this.#numbers.get(buffer) ?? -1;
  }

  /** Destroys all free buffers. */
  dispose(): void {
    for (const list of this.#free.values()) for (const buffer of list) buffer.destroy();
    this.#free.clear();
    this.#held = 0;
  }
}

const mostHeld = 2 ** 30;

/** Few sizes, so that buffers are found again: multiples of an eighth of the next power of two. */
function sizeClass(bytes: number): number {
  if (bytes <= 256) return 256;
  const step = 2 ** Math.max(8, Math.floor(Math.log2(bytes)) - 3);
  return Math.ceil(bytes / step) * step;
}
