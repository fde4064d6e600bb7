import { ModelFormatError } from '@tessera/tensor-core';

/** Checks that `[offset, offset + length)` lies inside a file of `size` bytes, before anything is allocated for it. */
export function checkRange(file: string, size: number, offset: number, length: number): void {
  if (
    offset >= 0 &&
    length >= 0 &&
    Number.isSafeInteger(offset) &&
    Number.isSafeInteger(length) &&
    offset + length <= size
  )
    return;
  throw new ModelFormatError(
    `${file}: bytes ${offset} to ${offset + length} were asked for, but the file has ${size} bytes. It is cut short or damaged; fetch it again.`,
    { facts: { file, offset, length, size } },
  );
}
