import type { DType } from '../dtype.ts';
import type { TensorType } from '../op.ts';
import type { BinaryFunction, Comparison, ElementwiseAttributes, UnaryFunction } from '../primitives/elementwise.ts';
import type { CpuArray, CpuPool } from './array.ts';
import { broadcastStrides, forEachRun } from './array.ts';
import type { CpuPrimitive } from './primitive.ts';
import { binaryRuns, castRun, compareRuns, integerRuns, unaryRuns, unsignedRuns, whereRun } from './runs.ts';

/** A function of one number on each element. */
export const unary: CpuPrimitive<ElementwiseAttributes<UnaryFunction>> = ({
  inputs: [x],
  types: [type],
  attributes: { fn },
  pool,
}) => {
  const out = pool.allocate(type!.dtype, type!.shape);
  const run = unaryRuns[fn];
  forEachRun(type!.shape, [x!.strides, out.strides], [x!.offset, 0], ([i, o], n, [s]) =>
    run(out.storage.data, o!, x!.storage.data, i!, s!, n),
  );
  return [out];
};

/** A function of two numbers, element by element. */
export const binary: CpuPrimitive<ElementwiseAttributes<BinaryFunction>> = ({
  inputs: [a, b],
  types: [type],
  attributes: { fn },
  pool,
}) => {
  const runs = a!.dtype === 'i32' ? integerRuns : a!.dtype === 'u32' ? unsignedRuns : {};
  return [pairwise(runs[fn] ?? binaryRuns[fn], a!, b!, type!, pool)];
};

/** A comparison, element by element. */
export const compare: CpuPrimitive<ElementwiseAttributes<Comparison>> = ({
  inputs: [a, b],
  types: [type],
  attributes: { fn },
  pool,
}) => [pairwise(compareRuns[fn], a!, b!, type!, pool)];

/** The chosen one of two operands. */
export const choose: CpuPrimitive<Record<never, never>> = ({ inputs: [c, a, b], types: [type], pool }) => {
  const out = pool.allocate(type!.dtype, type!.shape);
  const strides = [c!, a!, b!].map((array) => broadcastStrides(array, type!.shape));
  forEachRun(
    type!.shape,
    [...strides, out.strides],
    [c!.offset, a!.offset, b!.offset, 0],
    ([h, i, j, o], n, [r, s, t]) =>
      whereRun(out.storage.data, o!, c!.storage.data, h!, r!, a!.storage.data, i!, s!, b!.storage.data, j!, t!, n),
  );
  return [out];
};

/** The same numbers as another element type. */
export const convert: CpuPrimitive<{ readonly dtype: DType }> = ({ inputs: [x], types: [type], pool }) => {
  const out = pool.allocate(type!.dtype, type!.shape);
  forEachRun(type!.shape, [x!.strides, out.strides], [x!.offset, 0], ([i, o], n, [s]) =>
    castRun(out.storage.data, o!, type!.dtype, x!.storage.data, i!, s!, x!.dtype, n),
  );
  return [out];
};

function pairwise(
  run: (typeof binaryRuns)['add'],
  a: CpuArray,
  b: CpuArray,
  type: TensorType,
  pool: CpuPool,
): CpuArray {
  const out = pool.allocate(type.dtype, type.shape);
  forEachRun(
    type.shape,
    [broadcastStrides(a, type.shape), broadcastStrides(b, type.shape), out.strides],
    [a.offset, b.offset, 0],
    ([i, j, o], n, [s, t]) => run(out.storage.data, o!, a.storage.data, i!, s!, b.storage.data, j!, t!, n),
  );
  return out;
}
