import type { DType, HostArray } from '../dtype.ts';
import { allocateHost, bytesPerElement } from '../dtype.ts';
import type { Storage } from '../device.ts';
import { rowMajor, sizeOf } from '../shape.ts';
import type { Shape } from '../shape.ts';
import { copyRun } from './runs.ts';

/** Memory that arrays share, with the number of values that still need it. */
export class CpuStorage implements Storage {
  readonly data: HostArray;
  readonly bytes: number;
  references = 1;
  /** True while somebody outside the running program may read it: it is never overwritten or recycled. */
  borrowed: boolean;

  constructor(data: HostArray, borrowed: boolean) {
    this.data = data;
    this.bytes = data.byteLength;
    this.borrowed = borrowed;
  }
}

/** A strided view of a storage. */
export interface CpuArray {
  readonly storage: CpuStorage;
  readonly dtype: DType;
  readonly shape: Shape;
  readonly strides: readonly number[];
  readonly offset: number;
}

/** Allocates and recycles storages; one pool serves one device. */
export class CpuPool {
  readonly #free = new Map<string, HostArray[]>();
  readonly #wide: boolean;
  readonly #poison: boolean;
  #held = 0;

  constructor(wide: boolean, poison: boolean) {
    this.#wide = wide;
    this.#poison = poison;
  }

  /** A row-major array whose elements may be anything. */
  allocate(dtype: DType, shape: Shape): CpuArray {
    const size = sizeOf(shape);
    const data = this.#free.get(`${dtype}${size}`)?.pop();
    if (data) this.#held -= data.byteLength;
    const storage = new CpuStorage(data ?? allocateHost(dtype, size, this.#wide), false);
    if (this.#poison) storage.data.fill(dtype === 'f32' ? NaN : dtype === 'bool' ? 0xaa : 0x7fc1);
    return { storage, dtype, shape, strides: rowMajor(shape), offset: 0 };
  }

  /** Takes back one reference; memory that nothing needs is used again. */
  drop(array: CpuArray): void {
    const { storage } = array;
    storage.references--;
    if (storage.references > 0 || storage.borrowed) return;
    const bytes = storage.bytes;
    if (this.#held + bytes > maximumHeld) return;
    const key = `${array.dtype}${storage.data.length}`;
    const list = this.#free.get(key);
    if (list) list.push(storage.data);
    else this.#free.set(key, [storage.data]);
    this.#held += bytes;
  }

  /** Lets go of the memory kept for later. */
  clear(): void {
    this.#free.clear();
    this.#held = 0;
  }
}

const maximumHeld = 256 * 2 ** 20;

/** True when the elements lie one after another in row-major order. */
export function isContiguous({
  shape,
  strides,
}: {
  readonly shape: Shape;
  readonly strides: readonly number[];
}): boolean {
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && strides[axis] !== expected) return false;
    expected *= shape[axis]!;
  }
  return true;
}

/** Bytes of an array as a device would store it. */
export function bytesOf(dtype: DType, shape: Shape): number {
  return sizeOf(shape) * bytesPerElement(dtype);
}

/** Strides of `array` under a shape that it broadcasts to. */
export function broadcastStrides(array: CpuArray, shape: Shape): number[] {
  const missing = shape.length - array.shape.length;
  return shape.map((_, axis) =>
    axis < missing || array.shape[axis - missing] === 1 ? 0 : array.strides[axis - missing]!,
  );
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
  copyInto(out, 0, array);
  return out;
}

/** Copies `source` into `out` from the element `start` on, along the strides of `out`. */
export function copyInto(out: CpuArray, start: number, source: CpuArray): void {
  forEachRun(source.shape, [source.strides, out.strides], [source.offset, out.offset + start], ([i, o], n, [s, t]) =>
    copyRun(out.storage.data, o!, t!, source.storage.data, i!, s!, n),
  );
}

/** Joins neighbouring axes that all arrays walk evenly, and leaves out those of extent 1. */
export function mergeAxes(
  shape: Shape,
  strides: readonly (readonly number[])[],
): { extents: number[]; merged: number[][] } {
  const extents: number[] = [];
  const merged: number[][] = strides.map(() => []);
  for (let axis = 0; axis < shape.length; axis++) {
    const extent = shape[axis]!;
    if (extent === 1) continue;
    const last = extents.length - 1;
    const even = last >= 0 && strides.every((stride, i) => merged[i]![last] === stride[axis]! * extent);
    if (even) {
      extents[last]! *= extent;
      strides.forEach((stride, i) => (merged[i]![last] = stride[axis]!));
    } else {
      extents.push(extent);
      strides.forEach((stride, i) => merged[i]!.push(stride[axis]!));
    }
  }
  return { extents, merged };
}

/**
 * Visits the innermost runs of several arrays of one shape, axes merged: calls `run` with the element index of each array at
 * the start of a run, the length of the run, and the step of each array along it.
 */
export function forEachRun(
  shape: Shape,
  strides: readonly (readonly number[])[],
  offsets: readonly number[],
  run: (starts: readonly number[], length: number, inner: readonly number[]) => void,
): void {
  if (shape.includes(0)) return;
  const { extents, merged } = mergeAxes(shape, strides);
  const starts = [...offsets];
  const rank = extents.length;
  if (rank === 0) {
    run(
      starts,
      1,
      strides.map(() => 0),
    );
    return;
  }
  const inner = merged.map((stride) => stride[rank - 1]!);
  const length = extents[rank - 1]!;
  const index = new Array<number>(rank - 1).fill(0);
  for (;;) {
    run(starts, length, inner);
    let axis = rank - 2;
    for (; axis >= 0; axis--) {
      index[axis]!++;
      for (let i = 0; i < starts.length; i++) starts[i]! += merged[i]![axis]!;
      if (index[axis]! < extents[axis]!) break;
      for (let i = 0; i < starts.length; i++) starts[i]! -= merged[i]![axis]! * extents[axis]!;
      index[axis] = 0;
    }
    if (axis < 0) return;
  }
}
