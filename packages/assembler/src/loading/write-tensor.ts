import type { RawTensor, SafetensorsDtype } from '@tessera/checkpoints';
import { dtypeBytes, toFloat32 } from '@tessera/checkpoints';
import type { Device, HostArray, Tensor } from '@tessera/tensor-core';
import { toStorage } from '../model/weight-dtype.ts';

/** Elements of a piece: some MiB of a file, far less than the largest tensors, and enough for a request over the network. */
const pieceElements = 2 ** 22;

/** Element types of files that are kept without a change. */
export const storedAs: Readonly<Partial<Record<SafetensorsDtype, 'f32' | 'f16' | 'bf16'>>> = {
  F16: 'f16',
  BF16: 'bf16',
};

/** Published elements as a device keeps them. */
export function toKept({ dtype, bytes }: Pick<RawTensor, 'dtype' | 'bytes'>, kept: 'f32' | 'f16' | 'bf16'): HostArray {
  // Sixteen-bit weights that stay as they are need no detour over numbers.
  return kept !== 'f32' && kept === storedAs[dtype]
    ? new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 2)
    : toStorage(toFloat32(bytes, dtype), kept);
}

/** What {@link writeTensor} is given. */
export interface WriteTensorCall {
  readonly device: Device;
  /** Resident there, of a float type. */
  readonly tensor: Tensor;
  /** Element type in the file. */
  readonly dtype: SafetensorsDtype;
  /** Reads bytes of the published tensor from `start` up to `end`. */
  read(range: { readonly start: number; readonly end: number }): Promise<Uint8Array<ArrayBuffer>>;
  /** @defaultValue {@link pieceElements}; even */
  readonly piece?: number | undefined;
}

/**
 * Writes a published tensor over one of ours that holds the same elements in the same order, piece by piece: the host has
 * two of them at most, one that is written and the next that is read.
 */
export async function writeTensor({
  device,
  tensor,
  dtype,
  read,
  piece = pieceElements,
}: WriteTensorCall): Promise<void> {
  const width = dtypeBytes(dtype);
  const readPiece = (at: number): Promise<Uint8Array<ArrayBuffer>> => {
    const reading = read({ start: at * width, end: Math.min(at + piece, tensor.size) * width });
    reading.catch(() => {}); // Told when it is awaited; after a failure it is not.
    return reading;
  };
  let next = readPiece(0);
  for (let at = 0; at < tensor.size; at += piece) {
    const bytes = await next;
    if (at + piece < tensor.size) next = readPiece(at + piece);
    device.write(tensor, toKept({ dtype, bytes }, tensor.dtype as 'f32' | 'f16' | 'bf16'), at);
  }
}
