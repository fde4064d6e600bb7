import type { HostArray, TensorType } from '@tessera/tensor-core';
import { packHalf, sizeOf, unpackHalf } from '@tessera/tensor-core';

/** A prime, so that no two rows of a matrix are equal. */
const longest = 65_521;

/**
 * Random numbers in (−scale, scale) that need no time: a short sequence again and again. Zeros would let a GPU run faster than
 * it does with numbers.
 */
export function filler(
  type: TensorType,
  seed: number,
  scale = 1,
  map?: (draw: number) => number,
): Float32Array | Uint16Array {
  const size = sizeOf(type.shape);
  const period = Math.min(size, longest);
  let state = (seed * 7919 + 12_345) % 2_147_483_647;
  const draws = Float32Array.from({ length: period }, () => {
    state = (state * 48_271) % 2_147_483_647;
    const draw = scale * (state / 1_073_741_824 - 1);
    return map ? map(draw) : draw;
  });
  const half = type.dtype === 'f16' || type.dtype === 'bf16' ? packHalf(type.dtype, draws) : undefined;
  const data = half ? new Uint16Array(size) : new Float32Array(size);
  for (let at = 0; at < size; at += period) data.set((half ?? draws).subarray(0, Math.min(period, size - at)), at);
  return data;
}

/** `count` elements from `offset` on, `stride` apart, as numbers. */
export function numbersOf(
  data: HostArray,
  { dtype }: Pick<TensorType, 'dtype'>,
  offset: number,
  count: number,
  stride = 1,
): Float64Array {
  const numbers = new Float64Array(count);
  if (dtype !== 'f16' && dtype !== 'bf16') for (let i = 0; i < count; i++) numbers[i] = data[offset + i * stride]!;
  else if (stride === 1) unpackHalf(dtype, data as Uint16Array, offset, numbers, 0, count);
  else
    unpackHalf(
      dtype,
      Uint16Array.from({ length: count }, (_, i) => data[offset + i * stride]!),
      0,
      numbers,
      0,
      count,
    );
  return numbers;
}
