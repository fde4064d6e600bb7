import type { CpuKernel, Op, Tensor } from '@tessera/tensor-core';
import {
  ShapeError,
  add,
  apply,
  cast,
  concat,
  cumsum,
  equal,
  expandDims,
  gather,
  iota,
  mul,
  reshape,
  scatterSet,
  showShape,
  sizeOf,
  sum,
  zeros,
} from '@tessera/tensor-core';
import { groupByExpertKernel } from './group-by-expert.wgsl.ts';

/** Attributes of {@link groupByExpertOp}. */
export interface GroupAttributes {
  /** E */
  readonly experts: number;
}

const countingSort: CpuKernel<GroupAttributes> = {
  backend: 'cpu',
  name: 'counting sort',
  run({ inputs: [given], outputs: [order, places, offsets], attributes: { experts: E } }) {
    const P = order!.data.length;
    const expert = (p: number): number => given!.data[given!.offset + p]!;
    const next = new Int32Array(E + 1);
    for (let p = 0; p < P; p++) next[expert(p) + 1]!++;
    for (let e = 0; e < E; e++) next[e + 1]! += next[e]!;
    offsets!.data.set(next);
    for (let p = 0; p < P; p++) {
      const place = next[expert(p)]!++;
      order!.data[place] = p;
      places!.data[p] = place;
    }
  },
};

/** Op: rows in the order of their experts. See {@link groupByExpert}. */
export const groupByExpertOp: Op<GroupAttributes> = {
  id: '@tessera/ops:group-by-expert',
  infer([given], { experts: E }) {
    if (given!.dtype !== 'i32')
      throw new ShapeError(`groupByExpert: experts are ${given!.dtype}${showShape(given!.shape)}, expected i32.`);
    const rows = [sizeOf(given!.shape)];
    return [rows, rows, [E + 1]].map((shape) => ({ shape, dtype: 'i32' }));
  },
  definition([experts], { experts: E }) {
    const P = experts!.size;
    const given = reshape(experts!, [P]);
    const isOf = cast(equal(expandDims(given, 1), expandDims(iota([E]), 0)), 'i32'); // [P, E]
    const offsets = concat([zeros([1], 'i32'), cumsum(sum(isOf, { axis: 0 }), 0)], 0);
    const rank = sum(mul(isOf, cumsum(isOf, 0, { exclusive: true })), { axis: 1 });
    const places = add(gather(offsets, given), rank);
    return [scatterSet(zeros([P], 'i32'), places, iota([P])), places, offsets];
  },
  kernels: [countingSort, groupByExpertKernel],
};

/** Rows in the order of their experts, and back. */
export interface ExpertGroups {
  /** Row that stands at each place, `[P]`, i32. */
  readonly order: Tensor;
  /** Place of each row, `[P]`, i32. */
  readonly places: Tensor;
  /** First place of each expert, and P, `[E + 1]`, i32. */
  readonly offsets: Tensor;
}

/**
 * Rows grouped by expert; rows of one expert stay in order.
 * @param experts - expert of each row, 0 … E − 1, P in all in any shape, i32
 * @param count - E
 */
export function groupByExpert(experts: Tensor, count: number): ExpertGroups {
  const [order, places, offsets] = apply(groupByExpertOp, [experts], { experts: count });
  return { order: order!, places: places!, offsets: offsets! };
}
