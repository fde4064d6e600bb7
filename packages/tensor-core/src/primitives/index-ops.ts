import { ShapeError } from '../errors.ts';
import type { DType } from '../dtype.ts';
import { isPacked } from '../dtype.ts';
import type { Op, TensorType } from '../op.ts';
import { checkShape, normalizeAxis, sameShape, showShape } from '../shape.ts';
import type { Operand, Tensor } from '../tensor.ts';
import { apply, apply1, asTensor } from '../tensor.ts';
import { broadcastTo, transpose } from './view.ts';

/** Attributes of {@link gatherOp} and {@link scatterOp}: how many leading axes table and index share. */
export interface GatherAttributes {
  readonly batchDims: number;
}

/**
 * Primitive: rows of a table by number. `table [batch…, S, row…]`, `index [batch…, n…]` (i32) → `[batch…, n…, row…]`.
 * An index outside 0 … S − 1 reads zeros.
 */
export const gatherOp: Op<GatherAttributes> = {
  id: '@tessera/tensor-core:gather',
  infer([table, index], { batchDims }) {
    checkIndex(table!, index!, batchDims, 'gather');
    return [{ shape: [...index!.shape, ...table!.shape.slice(batchDims + 1)], dtype: table!.dtype }];
  },
};

/** Attributes of {@link scatterOp}. */
export interface ScatterAttributes extends GatherAttributes {
  /** `set` replaces rows (of equal indices, one stays); `add` sums into them. */
  readonly mode: 'set' | 'add';
}

/**
 * Primitive: `base` with rows replaced or added to. `base [batch…, S, row…]`, `index [batch…, n…]` (i32),
 * `updates [batch…, n…, row…]`. Updates of an index outside 0 … S − 1 are dropped. In place when `base` is donated.
 */
export const scatterOp: Op<ScatterAttributes> = {
  id: '@tessera/tensor-core:scatter',
  infer([base, index, updates], { batchDims, mode }) {
    checkIndex(base!, index!, batchDims, 'scatter');
    if (mode === 'add') summable(base!, 'scatterAdd');
    const expected = [...index!.shape, ...base!.shape.slice(batchDims + 1)];
    if (!sameShape(updates!.shape, expected) || updates!.dtype !== base!.dtype)
      throw new ShapeError(
        `scatter: updates are ${updates!.dtype}${showShape(updates!.shape)}, expected ${base!.dtype}${showShape(expected)}.`,
      );
    return [{ shape: base!.shape, dtype: base!.dtype }];
  },
};

/** Primitive: 0, 1, 2 … along one axis. */
export const iotaOp: Op<{ readonly shape: readonly number[]; readonly axis: number; readonly dtype: DType }> = {
  id: '@tessera/tensor-core:iota',
  infer(_, { shape, dtype }) {
    checkShape(shape, 'iota');
    summable({ shape, dtype }, 'iota');
    return [{ shape, dtype }];
  },
};

/** Primitive: running sums along one axis. */
export const cumsumOp: Op<{ readonly axis: number; readonly reverse: boolean; readonly exclusive: boolean }> = {
  id: '@tessera/tensor-core:cumsum',
  infer([x]) {
    summable(x!, 'cumsum');
    return [{ shape: x!.shape, dtype: x!.dtype }];
  },
};

/** Primitive: elements of the last axis in ascending or descending order, and where they were. Stable. */
export const sortOp: Op<{ readonly descending: boolean }> = {
  id: '@tessera/tensor-core:sort',
  infer([x]) {
    summable(x!, 'sort');
    return [
      { shape: x!.shape, dtype: x!.dtype },
      { shape: x!.shape, dtype: 'i32' },
    ];
  },
};

function summable({ dtype }: TensorType, where: string): void {
  if (isPacked(dtype) || dtype === 'bool') throw new ShapeError(`${where}: takes no ${dtype}. Cast it first.`);
}

function checkIndex(table: TensorType, index: TensorType, batchDims: number, where: string): void {
  if (index.dtype !== 'i32') throw new ShapeError(`${where}: the index is ${index.dtype}, expected i32. Cast it.`);
  if (
    table.shape.length <= batchDims ||
    index.shape.length < batchDims ||
    !sameShape(table.shape.slice(0, batchDims), index.shape.slice(0, batchDims))
  )
    throw new ShapeError(
      `${where}: table ${showShape(table.shape)} and index ${showShape(index.shape)} do not share ${batchDims} leading axes.`,
    );
}

/** Rows of `table [batch…, S, row…]` by `index [batch…, n…]` → `[batch…, n…, row…]`; an index outside reads zeros. */
export function gather(table: Tensor, index: Tensor, { batchDims = 0 }: Partial<GatherAttributes> = {}): Tensor {
  return apply1(gatherOp, [table, index], { batchDims });
}

/** `base` with the rows of `index` replaced by `updates`; an index outside is dropped. */
export function scatterSet(
  base: Tensor,
  index: Tensor,
  updates: Tensor,
  { batchDims = 0 }: Partial<GatherAttributes> = {},
): Tensor {
  return apply1(scatterOp, [base, index, updates], { mode: 'set', batchDims });
}

/** `base` with `updates` added to the rows of `index`; an index outside is dropped. */
export function scatterAdd(
  base: Tensor,
  index: Tensor,
  updates: Tensor,
  { batchDims = 0 }: Partial<GatherAttributes> = {},
): Tensor {
  return apply1(scatterOp, [base, index, updates], { mode: 'add', batchDims });
}

/** 0, 1, 2 … along `axis` of a tensor of the given shape. */
export function iota(shape: readonly number[], axis = 0, dtype: DType = 'i32'): Tensor {
  return apply1(iotaOp, [], { shape, axis: normalizeAxis(axis, shape.length, 'iota'), dtype });
}

/** Running sums along an axis; `exclusive` leaves out the own element, `reverse` sums from the end. */
export function cumsum(
  x: Tensor,
  axis: number,
  { reverse = false, exclusive = false }: { reverse?: boolean; exclusive?: boolean } = {},
): Tensor {
  return apply1(cumsumOp, [x], { axis: normalizeAxis(axis, x.rank, 'cumsum'), reverse, exclusive });
}

/** Sorts along an axis. Equal elements keep their order. */
export function sort(
  x: Tensor,
  { axis = -1, descending = false }: { axis?: number; descending?: boolean } = {},
): { values: Tensor; indices: Tensor } {
  const last = x.rank - 1;
  const where = normalizeAxis(axis, x.rank, 'sort');
  const [values, indices] = apply(sortOp, [transpose(x, where, last)], { descending });
  return { values: transpose(values!, where, last), indices: transpose(indices!, where, last) };
}

/** A tensor filled with one number. */
export function full(shape: readonly number[], value: Operand): Tensor {
  return broadcastTo(value, shape);
}

/** Zeros. */
export function zeros(shape: readonly number[], dtype: DType = 'f32'): Tensor {
  return filled(shape, 0, dtype);
}

/** Ones. */
export function ones(shape: readonly number[], dtype: DType = 'f32'): Tensor {
  return filled(shape, 1, dtype);
}

function filled(shape: readonly number[], value: number, dtype: DType): Tensor {
  return broadcastTo(asTensor(value, dtype), shape);
}
