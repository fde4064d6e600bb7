import type { Attributes, Op, TensorType } from '../op.ts';
import { binaryOp, castOp, compareOp, stopGradientOp, unaryOp, whereOp } from '../primitives/elementwise.ts';
import { cumsumOp, gatherOp, iotaOp, scatterOp, sortOp } from '../primitives/index-ops.ts';
import { matmulOp } from '../primitives/matmul.ts';
import { randomBitsOp } from '../primitives/random.ts';
import { reduceOp } from '../primitives/reduce.ts';
import { broadcastOp, concatOp, padOp, permuteOp, reshapeOp, sliceOp } from '../primitives/view.ts';
import { rowMajor, sizeOf } from '../shape.ts';
import { threefry } from '../threefry.ts';
import type { CpuArray, CpuPool } from './array.ts';
import { broadcastStrides, forEachRun, isContiguous } from './array.ts';
import { matmulInto } from './matmul.ts';
import { binaryRuns, castRun, compareRuns, copyRun, integerRuns, unaryRuns, unsignedRuns, whereRun } from './runs.ts';

/** What a primitive is given on the CPU. */
export interface CpuCall<A> {
  readonly inputs: readonly CpuArray[];
  readonly types: readonly TensorType[];
  readonly attributes: A;
  readonly pool: CpuPool;
  /** True for inputs that nothing else reads: their storage may be overwritten. */
  readonly dying: readonly boolean[];
}

/** Computes one primitive. A result that views an input counts as one more reference to its storage. */
export type CpuPrimitive = (call: CpuCall<never>) => readonly CpuArray[];

const table = new Map<string, CpuPrimitive>();

function implement<A extends Attributes>(op: Op<A>, run: (call: CpuCall<A>) => readonly CpuArray[]): void {
  table.set(op.id, run as CpuPrimitive);
}

/** The CPU's primitives by op id. Built once, on first use. */
export function cpuPrimitives(): ReadonlyMap<string, CpuPrimitive> {
  if (table.size === 0) implementAll();
  return table;
}

/** The same elements as another array. */
export function view(array: CpuArray, change: Partial<CpuArray>): CpuArray {
  array.storage.references++;
  return { ...array, ...change };
}

/** A row-major array with the same elements, the array itself if it is one. */
export function contiguous(array: CpuArray, pool: CpuPool): CpuArray {
  if (isContiguous(array)) return view(array, { strides: rowMajor(array.shape) });
  const out = pool.allocate(array.dtype, array.shape);
  forEachRun(array.shape, [array.strides, out.strides], [array.offset, 0], ([i, o], n, [s, t]) =>
    copyRun(out.storage.data, o!, t!, array.storage.data, i!, s!, n),
  );
  return out;
}

function implementAll(): void {
  implement(unaryOp, ({ inputs: [x], types: [type], attributes: { fn }, pool }) => {
    const out = pool.allocate(type!.dtype, type!.shape);
    const run = unaryRuns[fn];
    forEachRun(type!.shape, [x!.strides, out.strides], [x!.offset, 0], ([i, o], n, [s]) =>
      run(out.storage.data, o!, x!.storage.data, i!, s!, n),
    );
    return [out];
  });
  implement(binaryOp, ({ inputs: [a, b], types: [type], attributes: { fn }, pool }) => {
    const runs = a!.dtype === 'i32' ? integerRuns : a!.dtype === 'u32' ? unsignedRuns : {};
    return [binary(runs[fn] ?? binaryRuns[fn], a!, b!, type!, pool)];
  });
  implement(compareOp, ({ inputs: [a, b], types: [type], attributes: { fn }, pool }) => [
    binary(compareRuns[fn], a!, b!, type!, pool),
  ]);
  implement(whereOp, ({ inputs: [c, a, b], types: [type], pool }) => {
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
  });
  implement(castOp, ({ inputs: [x], types: [type], pool }) => {
    const out = pool.allocate(type!.dtype, type!.shape);
    forEachRun(type!.shape, [x!.strides, out.strides], [x!.offset, 0], ([i, o], n, [s]) =>
      castRun(out.storage.data, o!, type!.dtype, x!.storage.data, i!, s!, x!.dtype, n),
    );
    return [out];
  });
  implement(stopGradientOp, ({ inputs: [x] }) => [view(x!, {})]);
  implement(reshapeOp, ({ inputs: [x], attributes: { shape }, pool }) => {
    const flat = contiguous(x!, pool);
    return [{ ...flat, shape, strides: rowMajor(shape) }];
  });
  implement(permuteOp, ({ inputs: [x], types: [type], attributes: { axes } }) => [
    view(x!, { shape: type!.shape, strides: axes.map((axis) => x!.strides[axis]!) }),
  ]);
  implement(broadcastOp, ({ inputs: [x], types: [type] }) => [
    view(x!, { shape: type!.shape, strides: broadcastStrides(x!, type!.shape) }),
  ]);
  implement(sliceOp, ({ inputs: [x], attributes: { starts, sizes, steps } }) => [
    view(x!, {
      shape: sizes,
      strides: x!.strides.map((stride, axis) => stride * steps[axis]!),
      offset: x!.offset + starts.reduce((total, start, axis) => total + start * x!.strides[axis]!, 0),
    }),
  ]);
  implement(padOp, ({ inputs: [x], types: [type], attributes: { before, value }, pool }) => {
    const out = pool.allocate(type!.dtype, type!.shape);
    out.storage.data.fill(value);
    copyInto(
      out,
      before.reduce((total, count, axis) => total + count * out.strides[axis]!, 0),
      x!,
    );
    return [out];
  });
  implement(concatOp, ({ inputs, types: [type], attributes: { axis }, pool }) => {
    const out = pool.allocate(type!.dtype, type!.shape);
    let start = 0;
    for (const input of inputs) {
      copyInto(out, start * out.strides[axis]!, input);
      start += input.shape[axis]!;
    }
    return [out];
  });
  implement(matmulOp, ({ inputs: [a, b], types: [type], pool }) => {
    const out = pool.allocate(type!.dtype, type!.shape);
    matmulInto(out, a!, b!);
    return [out];
  });
  implement(reduceOp, ({ inputs: [x], types: [type], attributes, pool }) => [reduce(x!, type!, attributes, pool)]);
  implement(gatherOp, ({ inputs: [source, index], types: [type], attributes: { batchDims }, pool }) => {
    const rows = contiguous(source!, pool);
    const out = pool.allocate(type!.dtype, type!.shape);
    forEachRow(rows, index!, batchDims, pool, (row, element, size) => {
      const to = element * size;
      if (row < 0) out.storage.data.fill(0, to, to + size);
      else copyRun(out.storage.data, to, 1, rows.storage.data, rows.offset + row * size, 1, size);
    });
    pool.drop(rows);
    return [out];
  });
  implement(scatterOp, ({ inputs: [base, index, updates], attributes: { mode, batchDims }, pool, dying }) => {
    const owned = dying[0] && !base!.storage.borrowed && base!.storage.references === 1 && isContiguous(base!);
    let out: CpuArray;
    if (owned) out = view(base!, { strides: rowMajor(base!.shape) });
    else copyInto((out = pool.allocate(base!.dtype, base!.shape)), 0, base!);
    const news = contiguous(updates!, pool);
    const target = out.storage.data;
    forEachRow(out, index!, batchDims, pool, (row, element, size) => {
      if (row < 0) return;
      const from = news.offset + element * size;
      const to = out.offset + row * size;
      if (mode === 'set') copyRun(target, to, 1, news.storage.data, from, 1, size);
      else for (let k = 0; k < size; k++) target[to + k]! += news.storage.data[from + k]!;
    });
    pool.drop(news);
    return [out];
  });
  implement(iotaOp, ({ types: [type], attributes: { axis }, pool }) => {
    const out = pool.allocate(type!.dtype, type!.shape);
    const stride = out.strides[axis]!;
    const extent = type!.shape[axis]!;
    const { data } = out.storage;
    for (let i = 0; i < sizeOf(type!.shape); i++) data[i] = Math.floor(i / stride) % extent;
    return [out];
  });
  implement(cumsumOp, ({ inputs: [x], types: [type], attributes: { axis, reverse, exclusive }, pool }) => {
    const out = pool.allocate(type!.dtype, type!.shape);
    const n = type!.shape[axis]!;
    const others = (strides: readonly number[]): number[] => strides.toSpliced(axis, 1);
    const [s, t] = [x!.strides[axis]!, out.strides[axis]!];
    forEachRun(
      type!.shape.toSpliced(axis, 1),
      [others(x!.strides), others(out.strides)],
      [x!.offset, 0],
      ([i, o], length, [u, v]) => {
        for (let r = 0; r < length; r++) {
          let total = 0;
          for (let k = 0; k < n; k++) {
            const at = reverse ? n - 1 - k : k;
            const element = x!.storage.data[i! + r * u! + at * s]!;
            if (!exclusive) total += element;
            out.storage.data[o! + r * v! + at * t] = total;
            if (exclusive) total += element;
          }
        }
      },
    );
    return [out];
  });
  implement(sortOp, ({ inputs: [x], types: [type], attributes: { descending }, pool }) => {
    const values = pool.allocate(type!.dtype, type!.shape);
    const indices = pool.allocate('i32', type!.shape);
    const flat = contiguous(x!, pool);
    const n = type!.shape.at(-1)!;
    for (let start = 0; n > 0 && start < sizeOf(type!.shape); start += n) {
      const row = flat.storage.data.subarray(flat.offset + start, flat.offset + start + n);
      const order = Int32Array.from(row, (_, k) => k).sort(
        (a, b) => (descending ? row[b]! - row[a]! : row[a]! - row[b]!) || a - b,
      );
      indices.storage.data.set(order, start);
      for (let k = 0; k < n; k++) values.storage.data[start + k] = row[order[k]!]!;
    }
    pool.drop(flat);
    return [values, indices];
  });
  implement(randomBitsOp, ({ inputs: [key], types: [type], pool }) => {
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
  });
}

function binary(run: (typeof binaryRuns)['add'], a: CpuArray, b: CpuArray, type: TensorType, pool: CpuPool): CpuArray {
  const out = pool.allocate(type.dtype, type.shape);
  forEachRun(
    type.shape,
    [broadcastStrides(a, type.shape), broadcastStrides(b, type.shape), out.strides],
    [a.offset, b.offset, 0],
    ([i, j, o], n, [s, t]) => run(out.storage.data, o!, a.storage.data, i!, s!, b.storage.data, j!, t!, n),
  );
  return out;
}

function copyInto(out: CpuArray, start: number, source: CpuArray): void {
  forEachRun(source.shape, [source.strides, out.strides], [source.offset, out.offset + start], ([i, o], n, [s, t]) =>
    copyRun(out.storage.data, o!, t!, source.storage.data, i!, s!, n),
  );
}

/** Calls `visit(row of the table or −1, number of the element, elements a row)` for each element of a batched index. */
function forEachRow(
  tableArray: CpuArray,
  index: CpuArray,
  batchDims: number,
  pool: CpuPool,
  visit: (row: number, element: number, size: number) => void,
): void {
  const flat = contiguous(index, pool);
  const rows = tableArray.shape[batchDims]!;
  const size = sizeOf(tableArray.shape.slice(batchDims + 1));
  const perBatch = sizeOf(index.shape.slice(batchDims));
  const count = sizeOf(index.shape);
  for (let element = 0; element < count; element++) {
    const row = flat.storage.data[flat.offset + element]!;
    const batch = Math.floor(element / perBatch);
    visit(row >= 0 && row < rows ? batch * rows + row : -1, element, size);
  }
  pool.drop(flat);
}

function reduce(
  x: CpuArray,
  type: TensorType,
  { fn, axes }: { fn: string; axes: readonly number[] },
  pool: CpuPool,
): CpuArray {
  const out = pool.allocate(type.dtype, type.shape);
  const outer = x.shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
  const pick = (from: readonly number[], which: readonly number[]): number[] => which.map((axis) => from[axis]!);
  const { data } = x.storage;
  const innerShape = pick(x.shape, axes);
  const innerStrides = pick(x.strides, axes);
  const one = (start: number): number => {
    if (fn === 'argmax' || fn === 'argmin') {
      let best = 0;
      for (let k = 1; k < innerShape[0]!; k++) {
        const candidate = data[start + k * innerStrides[0]!]!;
        const held = data[start + best * innerStrides[0]!]!;
        if (fn === 'argmax' ? candidate > held : candidate < held) best = k;
      }
      return best;
    }
    let total = fn === 'sum' ? 0 : fn === 'max' ? -Infinity : Infinity;
    forEachRun(innerShape, [innerStrides], [start], ([i], n, [s]) => {
      let at = i!;
      if (fn === 'sum') for (let k = 0; k < n; k++, at += s!) total += data[at]!;
      else if (fn === 'max') for (let k = 0; k < n; k++, at += s!) total = Math.max(total, data[at]!);
      else for (let k = 0; k < n; k++, at += s!) total = Math.min(total, data[at]!);
    });
    return total;
  };
  forEachRun(
    pick(x.shape, outer),
    [pick(x.strides, outer), pick(out.strides, outer)],
    [x.offset, 0],
    ([i, o], n, [s, t]) => {
      for (let k = 0; k < n; k++) out.storage.data[o! + k * t!] = one(i! + k * s!);
    },
  );
  return out;
}
