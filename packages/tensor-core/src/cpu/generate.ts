import type { DType } from '../dtype.ts';
import { sizeOf } from '../shape.ts';
import { threefry } from '../threefry.ts';
import type { CpuPrimitive } from './primitive.ts';

/** 0, 1, 2 … along one axis. */
export const counted: CpuPrimitive<{
  readonly shape: readonly number[];
  readonly axis: number;
  readonly dtype: DType;
}> = ({ types: [type], attributes: { axis }, pool }) => {
  const out = pool.allocate(type!.dtype, type!.shape);
  const stride = out.strides[axis]!;
  const extent = type!.shape[axis]!;
  const { data } = out.storage;
  for (let i = 0; i < sizeOf(type!.shape); i++) data[i] = Math.floor(i / stride) % extent;
  return [out];
};

/** Words of threefry under a key. */
export const randomWords: CpuPrimitive<{ readonly shape: readonly number[] }> = ({
  inputs: [key],
  types: [type],
  pool,
}) => {
  const out = pool.allocate('u32', type!.shape);
  const { data } = key!.storage;
  const [k0, k1] = [data[key!.offset]!, data[key!.offset + key!.strides[0]!]!];
  const size = sizeOf(type!.shape);
  for (let j = 0; 2 * j < size; j++) {
    const [x0, x1] = threefry(k0, k1, j, 0);
    out.storage.data[2 * j] = x0;
    if (2 * j + 1 < size) out.storage.data[2 * j + 1] = x1;
  }
  return [out];
};
