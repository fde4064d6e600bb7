import type { HostArray } from '../dtype.ts';
import type { ReduceAttributes, Reduction } from '../primitives/reduce.ts';
import { sizeOf } from '../shape.ts';
import { contiguous, forEachRun, mergeAxes } from './array.ts';
import type { CpuPrimitive } from './primitive.ts';

/** Joins `n` elements, `s` apart, with what is already known. */
type JoinRun = (known: number, data: HostArray, start: number, s: number, n: number) => number;

const joins: Readonly<Record<'sum' | 'max' | 'min', { readonly first: number; readonly run: JoinRun }>> = {
  sum: {
    first: 0,
    run: (known, data, at, s, n) => {
      for (let k = 0; k < n; k++, at += s) known += data[at]!;
      return known;
    },
  },
  max: {
    first: -Infinity,
    run: (known, data, at, s, n) => {
      for (let k = 0; k < n; k++, at += s) known = Math.max(known, data[at]!);
      return known;
    },
  },
  min: {
    first: Infinity,
    run: (known, data, at, s, n) => {
      for (let k = 0; k < n; k++, at += s) known = Math.min(known, data[at]!);
      return known;
    },
  },
};

/** A function from the first of the reduced elements to their join. */
function joiner(
  fn: Reduction,
  data: HostArray,
  shape: readonly number[],
  strides: readonly number[],
): (start: number) => number {
  if (fn === 'argmax' || fn === 'argmin') {
    const [n, s] = [shape[0]!, strides[0]!];
    return (start) => {
      let best = 0;
      for (let k = 1; k < n; k++) {
        const candidate = data[start + k * s]!;
        const held = data[start + best * s]!;
        if (fn === 'argmax' ? candidate > held : candidate < held) best = k;
      }
      return best;
    };
  }
  const { first, run } = joins[fn];
  if (shape.includes(0)) return () => first;
  const { extents, merged } = mergeAxes(shape, [strides]);
  if (extents.length < 2) return (start) => run(first, data, start, merged[0]![0] ?? 0, extents[0] ?? 1);
  return (start) => {
    let total = first;
    forEachRun(shape, [strides], [start], ([i], n, [s]) => (total = run(total, data, i!, s!, n)));
    return total;
  };
}

/** Joins the elements along axes; sums are accumulated in double precision. */
export const reduced: CpuPrimitive<ReduceAttributes> = ({
  inputs: [x],
  types: [type],
  attributes: { fn, axes },
  pool,
}) => {
  const out = pool.allocate(type!.dtype, type!.shape);
  const outer = x!.shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
  const pick = (from: readonly number[], which: readonly number[]): number[] => which.map((axis) => from[axis]!);
  const join = joiner(fn, x!.storage.data, pick(x!.shape, axes), pick(x!.strides, axes));
  forEachRun(
    pick(x!.shape, outer),
    [pick(x!.strides, outer), pick(out.strides, outer)],
    [x!.offset, 0],
    ([i, o], n, [s, t]) => {
      for (let k = 0; k < n; k++) out.storage.data[o! + k * t!] = join(i! + k * s!);
    },
  );
  return [out];
};

/** Running sums, in double precision. */
export const accumulated: CpuPrimitive<{
  readonly axis: number;
  readonly reverse: boolean;
  readonly exclusive: boolean;
}> = ({ inputs: [x], types: [type], attributes: { axis, reverse, exclusive }, pool }) => {
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
};

/** Sorted elements of the last axis and where they were. */
export const sorted: CpuPrimitive<{ readonly descending: boolean }> = ({
  inputs: [x],
  types: [type],
  attributes: { descending },
  pool,
}) => {
  const values = pool.allocate(type!.dtype, type!.shape);
  const indices = pool.allocate('i32', type!.shape);
  const flat = contiguous(x!, pool);
  const n = type!.shape.at(-1)!;
  for (let start = 0; n > 0 && start < sizeOf(type!.shape); start += n) {
    const row = flat.storage.data.subarray(flat.offset + start, flat.offset + start + n);
    const order = Int32Array.from(row, (_, k) => k).sort(
      // Equal infinities differ by NaN, which `||` passes over like 0.
      (a, b) => (descending ? row[b]! - row[a]! : row[a]! - row[b]!) || a - b,
    );
    indices.storage.data.set(order, start);
    for (let k = 0; k < n; k++) values.storage.data[start + k] = row[order[k]!]!;
  }
  pool.drop(flat);
  return [values, indices];
};
