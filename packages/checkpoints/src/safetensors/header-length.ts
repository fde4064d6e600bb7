import { ModelFormatError } from '@tessera/tensor-core';

/** Longest header in bytes, as in the reference implementation. */
export const maxHeaderBytes = 100_000_000;

/** Bytes before the header: its length, little-endian u64. */
export const prefixBytes = 8;

/**
 * Reads the header's length from the first eight bytes of a file, before anything is allocated for it.
 *
 * @param prefix - at least the first 8 bytes, or the whole file where it is shorter
 * @throws {@link ModelFormatError} when the file is shorter than 8 bytes, or the length is 0, over the cap or over the file.
 */
export function readHeaderLength(prefix: Uint8Array, file: string, fileSize: number): number {
  if (fileSize < prefixBytes || prefix.length < prefixBytes) {
    throw failure(
      file,
      `the file has ${Math.min(fileSize, prefix.length)} bytes`,
      `at least the ${prefixBytes} of the header's length`,
      { fileSize },
    );
  }
  const view = new DataView(prefix.buffer, prefix.byteOffset, prefixBytes);
  const length = view.getBigUint64(0, true);
  if (length === 0n) throw failure(file, 'the header length is 0', 'at least 2, for "{}"', { headerLength: 0 });
  if (length > BigInt(maxHeaderBytes)) {
    throw failure(file, `the header length is ${length}`, `at most ${maxHeaderBytes} bytes`, {
      headerLength: String(length),
      limit: maxHeaderBytes,
    });
  }
  if (Number(length) > fileSize - prefixBytes) {
    throw failure(
      file,
      `the header length is ${length}`,
      `at most the ${fileSize - prefixBytes} bytes that follow it`,
      { headerLength: Number(length), fileSize },
    );
  }
  return Number(length);
}

function failure(
  file: string,
  actual: string,
  expected: string,
  facts: Readonly<Record<string, unknown>>,
): ModelFormatError {
  return new ModelFormatError(
    `${file}: ${actual}, expected ${expected}. The file is not safetensors, or cut short; fetch it again.`,
    {
      facts: { file, ...facts },
    },
  );
}
