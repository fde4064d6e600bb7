import type { Storage } from '@tessera/tensor-core';

/** A buffer that tensors share, with how many still need it. */
export class GpuStorage implements Storage {
  readonly buffer: GPUBuffer;
  /** Bytes of the value; the buffer may be a little larger. */
  readonly bytes: number;
  references = 1;
  /** True when somebody keeps the buffer after the last reference is gone. */
  kept = false;
  /** A free buffer of its size that travels with it: what a run makes of a state and what it was made of take turns, whatever program runs. */
  twin: GPUBuffer | undefined;
  /** Inputs of the run that is being encoded that are this storage. */
  uses = 0;

  constructor(buffer: GPUBuffer, bytes: number) {
    this.buffer = buffer;
    this.bytes = bytes;
  }
}
