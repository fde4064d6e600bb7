import { ModelFormatError } from '@tessera/tensor-core';
import { allocate } from '../source/allocate.ts';
import { quote } from '../source/quote.ts';
import { checkedBytes, headerBytes, layoutOrder, type SafetensorsMetadata } from './header-bytes.ts';
import type { TensorDescription } from './tensor-entry.ts';

/** A tensor with its bytes: little-endian, row-major, elements × width of them. */
export interface TensorBytes extends TensorDescription {
  readonly bytes: Uint8Array;
}

/** Options of {@link writeSafetensors}. */
export interface WriteSafetensorsOptions {
  /** Pairs of `__metadata__`. @defaultValue `{ format: 'pt' }`, to which other pairs are added */
  readonly metadata?: SafetensorsMetadata | undefined;
}

/**
 * Makes a safetensors file in memory. Layout, order and padding are those of the reference implementation.
 *
 * @throws {@link ModelFormatError} when a name is repeated or reserved, or bytes do not fit dtype and shape.
 * @throws {@link OutOfMemoryError} when the file cannot be held; {@link saveSafetensors} writes piece by piece.
 */
export function writeSafetensors(
  tensors: Iterable<TensorBytes>,
  { metadata }: WriteSafetensorsOptions = {},
): Uint8Array<ArrayBuffer> {
  const ordered = layoutOrder(tensors);
  const header = headerBytes(ordered, metadata);
  for (const tensor of ordered) checkLength(tensor, tensor.bytes);
  const total = ordered.reduce((sum, { bytes }) => sum + bytes.length, header.length);
  const file = allocate(total, 'model.safetensors');
  file.set(header);
  let at = header.length;
  for (const { bytes } of ordered) {
    file.set(bytes, at);
    at += bytes.length;
  }
  return file;
}

/** Checks that the bytes are as many as dtype and shape say. */
export function checkLength(tensor: TensorDescription, bytes: Uint8Array): void {
  const expected = checkedBytes(tensor);
  if (bytes.length === expected) return;
  const { name, dtype, shape } = tensor;
  throw new ModelFormatError(
    `tensor ${quote(name)}: there are ${bytes.length} bytes, expected ${expected} for ${dtype} [${shape.join(', ')}]. Correct what is to be saved.`,
    { facts: { tensor: name.slice(0, 1024), dtype, shape, expected, actual: bytes.length } },
  );
}
