/** Elements are moved in squares of this side, so that both tensors stay in the processor's cache. */
const side = 32;

/**
 * The bytes of a matrix `[rows, columns]` as those of `[columns, rows]`.
 * @param width - bytes of an element: 1, 2, 4 or 8
 */
export function transposedBytes(
  bytes: Uint8Array,
  rows: number,
  columns: number,
  width: number,
): Uint8Array<ArrayBuffer> {
  const moved = new Uint8Array(bytes.length);
  const from = elements(bytes, width);
  const to = elements(moved, width);
  for (let top = 0; top < rows; top += side)
    for (let left = 0; left < columns; left += side)
      for (let i = top; i < Math.min(top + side, rows); i++)
        for (let j = left; j < Math.min(left + side, columns); j++) to[j * rows + i] = from[i * columns + j] as number;
  return moved;
}

/** A view of elements; a copy where bytes begin between elements. */
function elements(bytes: Uint8Array, width: number): { [index: number]: number | bigint } {
  const { buffer, byteOffset, length } = bytes.byteOffset % width === 0 ? bytes : bytes.slice();
  switch (width) {
    case 1:
      return new Uint8Array(buffer, byteOffset, length);
    case 2:
      return new Uint16Array(buffer, byteOffset, length / 2);
    case 4:
      return new Uint32Array(buffer, byteOffset, length / 4);
    default:
      return new BigUint64Array(buffer, byteOffset, length / 8);
  }
}
