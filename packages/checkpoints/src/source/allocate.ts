import { OutOfMemoryError } from '@tessera/tensor-core';

/**
 * A zeroed array of `length` bytes with its own buffer.
 *
 * @param what - what the bytes are for, for the message
 * @throws {@link OutOfMemoryError} when the platform refuses.
 */
export function allocate(length: number, what: string): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(length);
  } catch (cause) {
    throw new OutOfMemoryError(
      `${what}: ${length} bytes could not be allocated. Free memory, or use a smaller model or dtype.`,
      { cause, facts: { what, bytes: length } },
    );
  }
}
