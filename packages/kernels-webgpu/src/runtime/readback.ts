const mapRead = 0x01;
const copyTo = 0x08;
const mostKept = 64 * 2 ** 20;

/** Brings buffers to the host through staging buffers that are used again: making one costs more than a small read. */
export class Readback {
  readonly #device: GPUDevice;
  readonly #free = new Map<number, GPUBuffer[]>();
  #kept = 0;

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  /** A copy of the first `bytes` of a buffer, after all work submitted so far. */
  async read(source: GPUBuffer, bytes: number): Promise<ArrayBuffer> {
    const size = 2 ** Math.max(8, Math.ceil(Math.log2(bytes)));
    const staging = this.#take(size);
    const encoder = this.#device.createCommandEncoder();
    encoder.copyBufferToBuffer(source, 0, staging, 0, bytes);
    this.#device.queue.submit([encoder.finish()]);
    try {
      await staging.mapAsync(mapRead, 0, bytes);
      const copy = staging.getMappedRange(0, bytes).slice(0);
      staging.unmap();
      this.#give(staging);
      return copy;
    } catch (error) {
      staging.destroy();
      throw error;
    }
  }

  /** Destroys the staging buffers that are free. */
  dispose(): void {
    for (const list of this.#free.values()) for (const buffer of list) buffer.destroy();
    this.#free.clear();
    this.#kept = 0;
  }

  #take(size: number): GPUBuffer {
    const free = this.#free.get(size)?.pop();
    if (!free) return this.#device.createBuffer({ size, usage: mapRead | copyTo });
    this.#kept -= size;
    return free;
  }

  #give(buffer: GPUBuffer): void {
    if (this.#kept + buffer.size > mostKept) return buffer.destroy();
    this.#kept += buffer.size;
    const list = this.#free.get(buffer.size);
    if (list) list.push(buffer);
    else this.#free.set(buffer.size, [buffer]);
  }
}
