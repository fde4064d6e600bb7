import { FeatureUnavailableError } from '@tessera/tensor-core';
import { numberOf } from './buffer-number.ts';
import type { CommandStream } from './command-stream.ts';
import type { DeviceCounters, HeldMemory } from './counters.ts';
import { showBytes } from './failures.ts';
import type { Failures } from './failures.ts';
import { FreeBuffers } from './free-buffers.ts';
import type { KnownBuffer } from './free-buffers.ts';
import type { GpuStorage } from './gpu-storage.ts';

/** What buffers are used for, as WebGPU counts it. */
export const usage: Readonly<Record<'storage' | 'staging' | 'timestamps', number>> = {
  /** Read and written by shaders, copied from and to. */
  storage: 0x80 | 0x04 | 0x08,
  /** Copied to, and mapped for reading. */
  staging: 0x08 | 0x01,
  /** Where timestamps are written before they are copied. */
  timestamps: 0x0200 | 0x04,
};

/** Free memory beyond this is given back to the system. */
const mostFree = 2 ** 30;
const large = 2 ** 26;

/**
 * All buffers of a device: made under error scopes, counted, and used again. Of those that are free the one that was made first is taken, whatever was
 * given back last: so calls that repeat themselves meet the same buffers, and with them the bind groups that there are, each of which costs tens of
 * microseconds.
 */
export class Buffers {
  readonly held: HeldMemory;
  readonly #device: GPUDevice;
  readonly #failures: Failures;
  readonly #stream: CommandStream;
  readonly #counters: DeviceCounters;
  /** Every buffer that is not destroyed. */
  readonly #live = new Map<GPUBuffer, KnownBuffer>();
  readonly #mostBytes: number;
  /** What the host writes into one of these comes after everything that was submitted. */
  readonly #free = new FreeBuffers();
  /** Free too, but commands that still wait to be submitted use them: only for what the GPU writes. */
  readonly #recent = new FreeBuffers();
  #condemned: GPUBuffer[] = [];
  #freeBytes = 0;
  #closed = false;

  constructor(
    device: GPUDevice,
    failures: Failures,
    stream: CommandStream,
    counters: DeviceCounters,
    held: HeldMemory,
  ) {
    this.#device = device;
    this.#failures = failures;
    this.#stream = stream;
    this.#counters = counters;
    this.held = held;
    const { maxBufferSize, maxStorageBufferBindingSize } = device.limits;
    this.#mostBytes = Math.floor(Math.min(maxBufferSize, maxStorageBufferBindingSize) / 4) * 4;
    stream.onSubmit = () => this.#submitted();
  }

  /**
   * A storage buffer of at least `bytes`, for what the GPU writes. Its contents may be anything.
   * @throws FeatureUnavailableError when the device allows no buffer of that size
   */
  take(what: string, bytes: number): GPUBuffer {
    const size = this.#sizeClass(what, bytes);
    const [free, recent] = [this.#free.first(size), this.#recent.first(size)];
    const recentFirst = recent !== undefined && !(free && free.number < recent.number);
    return this.#taken(recentFirst ? this.#recent : this.#free, size) ?? this.create(what, size, usage.storage);
  }

  /** As {@link Buffers.take}, for what the host writes. */
  takeForHost(what: string, bytes: number): GPUBuffer {
    const size = this.#sizeClass(what, bytes);
    if (!this.#free.first(size) && this.#recent.first(size)) this.#stream.submit();
    return this.#taken(this.#free, size) ?? this.create(what, size, usage.storage);
  }

  /** Gives a buffer back. Commands that were given with it still run first. */
  give(buffer: GPUBuffer): void {
    const known = this.#live.get(buffer);
    if (!known) return;
    if (this.#freeBytes + known.size > mostFree) return this.destroy(buffer);
    this.#freeBytes += known.size;
    (this.#stream.open ? this.#recent : this.#free).add(known);
  }

  /** The free buffer that travels with a storage, if it is as large as one for so many bytes: it is the caller's then. */
  twinOf(storage: GpuStorage, bytes: number): GPUBuffer | undefined {
    const { twin } = storage;
    if (!twin || this.sizeOf(twin) !== this.sizeFor(bytes)) return undefined;
    storage.twin = undefined;
    return twin;
  }

  /** One reference to a storage less; its buffer is given back with the last. */
  release(storage: GpuStorage): void {
    storage.references--;
    if (storage.references > 0) return;
    if (!storage.kept) this.give(storage.buffer);
    if (storage.twin) this.give(storage.twin);
    storage.twin = undefined;
  }

  /** A buffer of exactly this size, that is not shared. */
  create(what: string, size: number, flags: number): GPUBuffer {
    // Memory that lies free in other sizes goes first.
    if (size >= large && this.#freeBytes >= size) this.trim();
    let made: GPUBuffer | undefined;
    const buffer = this.#failures.scope(
      what,
      () => (made = this.#device.createBuffer({ label: what, size, usage: flags })),
      {
        asked: size,
        onError: () => {
          if (made) this.#forget(made);
          this.trim();
        },
      },
    );
    this.#live.set(buffer, { buffer, size, number: numberOf(buffer) });
    this.held.buffers++;
    this.held.bytes += size;
    if (flags === usage.storage) this.#counters.buffers++;
    else this.#counters.stagingBuffers++;
    return buffer;
  }

  /** Bytes of the buffer that is taken for so many. */
  sizeFor(bytes: number): number {
    return sizeClass(bytes);
  }

  /** Bytes of a buffer. */
  sizeOf(buffer: GPUBuffer): number {
    return this.#live.get(buffer)?.size ?? 0;
  }

  /** Frees the memory of a buffer, after the commands that wait. */
  destroy(buffer: GPUBuffer): void {
    if (!this.#live.has(buffer)) return;
    this.#forget(buffer);
    if (this.#stream.open) this.#condemned.push(buffer);
    else buffer.destroy();
  }

  /** Frees the memory that nobody uses. */
  trim(): void {
    const free = [...this.#recent.takeAll(), ...this.#free.takeAll()];
    this.#freeBytes = 0;
    for (const { buffer } of free) this.destroy(buffer);
  }

  /** Frees all buffers, also those in use. */
  dispose(): void {
    this.#closed = true;
    for (const buffer of [...this.#live.keys(), ...this.#condemned]) buffer.destroy();
    this.#live.clear();
    this.#free.takeAll();
    this.#recent.takeAll();
    this.#condemned = [];
    this.#freeBytes = this.held.buffers = this.held.bytes = 0;
  }

  /** Takes the first one of a size. */
  #taken(from: FreeBuffers, size: number): GPUBuffer | undefined {
    const taken = from.take(size);
    if (taken) this.#freeBytes -= size;
    return taken?.buffer;
  }

  #submitted(): void {
    if (this.#closed) return;
    for (const known of this.#recent.takeAll()) this.#free.add(known);
    for (const buffer of this.#condemned) buffer.destroy();
    if (this.#condemned.length > 0) this.#condemned = [];
  }

  /** Takes a buffer out of the books: it was destroyed, or never came to be. */
  #forget(buffer: GPUBuffer): void {
    const known = this.#live.get(buffer);
    if (!known) return;
    this.#live.delete(buffer);
    this.held.buffers--;
    this.held.bytes -= known.size;
    if (this.#recent.remove(known) || this.#free.remove(known)) this.#freeBytes -= known.size;
  }

  #sizeClass(what: string, bytes: number): number {
    const most = this.#mostBytes;
    if (bytes > most)
      throw new FeatureUnavailableError(
        `${what}: takes ${showBytes(bytes)} in one buffer, and this device allows ${showBytes(most)}. Use a smaller dtype or shape, or split the tensor.`,
        { facts: { asked: bytes, most } },
      );
    return Math.min(sizeClass(bytes), most);
  }
}

/** Few sizes, so that buffers are found again: multiples of an eighth of the next power of two. */
function sizeClass(bytes: number): number {
  if (bytes <= 256) return 256;
  const step = 2 ** Math.max(8, Math.floor(Math.log2(bytes)) - 3);
  return Math.ceil(bytes / step) * step;
}
