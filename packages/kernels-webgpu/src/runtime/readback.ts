import type { Buffers } from './buffers.ts';
import { usage } from './buffers.ts';
import type { CommandStream } from './command-stream.ts';
import type { Failures } from './failures.ts';

const mapRead = 0x01;
/** Larger values come in pieces: a staging buffer may not be as large as a tensor. */
const mostPiece = 64 * 2 ** 20;
const mostKept = 64 * 2 ** 20;

interface Piece {
  readonly staging: GPUBuffer;
  readonly offset: number;
  readonly bytes: number;
}

/** Brings buffers to the host through staging buffers that are used again: making one costs more than a small read. */
export class Readback {
  readonly #failures: Failures;
  readonly #stream: CommandStream;
  readonly #buffers: Buffers;
  readonly #free = new Map<number, GPUBuffer[]>();
  #kept = 0;

  constructor(failures: Failures, stream: CommandStream, buffers: Buffers) {
    this.#failures = failures;
    this.#stream = stream;
    this.#buffers = buffers;
  }

  /** A copy of the first `bytes` of a buffer as they are now, behind all commands given so far and submitted with them. */
  async read(source: GPUBuffer, bytes: number): Promise<ArrayBuffer> {
    const pieces: Piece[] = [];
    for (let offset = 0; offset < bytes; offset += mostPiece) {
      const length = Math.min(mostPiece, bytes - offset);
      pieces.push({ staging: this.#take(length), offset, bytes: length });
    }
    const encoder = this.#stream.encoder();
    for (const piece of pieces) encoder.copyBufferToBuffer(source, piece.offset, piece.staging, 0, piece.bytes);
    const mapped = this.#stream.submit(() =>
      Promise.all(pieces.map((piece) => piece.staging.mapAsync(mapRead, 0, piece.bytes))),
    )!;
    const checkpoint = this.#failures.checkpoint();
    try {
      await this.#failures.mapped(mapped, checkpoint, 'read');
      const result = new Uint8Array(bytes);
      for (const piece of pieces) {
        result.set(new Uint8Array(piece.staging.getMappedRange(0, piece.bytes)), piece.offset);
        piece.staging.unmap();
      }
      for (const piece of pieces) this.#give(piece.staging);
      return result.buffer;
    } catch (error) {
      for (const piece of pieces) this.#buffers.destroy(piece.staging);
      throw error;
    }
  }

  #take(bytes: number): GPUBuffer {
    const size = 2 ** Math.max(8, Math.ceil(Math.log2(bytes)));
    const free = this.#free.get(size)?.pop();
    if (!free) return this.#buffers.create('read back', size, usage.staging);
    this.#kept -= size;
    return free;
  }

  #give(buffer: GPUBuffer): void {
    const size = this.#buffers.sizeOf(buffer);
    if (this.#kept + size > mostKept) return this.#buffers.destroy(buffer);
    this.#kept += size;
    const list = this.#free.get(size);
    if (list) list.push(buffer);
    else this.#free.set(size, [buffer]);
  }
}
