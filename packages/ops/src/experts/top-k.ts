import type { Op, Tensor } from '@tessera/tensor-core';
import { ShapeError, apply1, showShape, slice, sort } from '@tessera/tensor-core';
import { topKKernel } from './top-k.wgsl.ts';

/** Attributes of {@link topKOp}. */
export interface TopKAttributes {
  readonly k: number;
}

/** Op: where the k largest elements of the last axis are. See {@link topK}. */
export const topKOp: Op<TopKAttributes> = {
  id: '@tessera/ops:top-k',
  infer([x], { k }) {
    const N = x!.shape.at(-1) ?? 0;
    if (x!.dtype !== 'f32' || !Number.isInteger(k) || k < 1 || k > N)
      throw new ShapeError(`topK: k is ${k} for ${x!.dtype}${showShape(x!.shape)}, expected f32 and k from 1 up to ${N}.`, {
        facts: { k, shape: x!.shape },
      }); // prettier-ignore
    return [{ shape: [...x!.shape.slice(0, -1), k], dtype: 'i32' }];
  },
  definition: ([x], { k }) => [slice(sort(x!, { descending: true }).indices, -1, 0, k)],
  kernels: [topKKernel],
};

/**
 * Where the k largest elements of the last axis are, the largest first; of equal ones the one with the lowest index, on every
 * device. `x […, N]` → `[…, k]`, i32. No gradient flows through a choice.
 * @throws {@link ShapeError} when there are fewer than k
 */
export function topK(x: Tensor, k: number): Tensor {
  return apply1(topKOp, [x], { k });
}
