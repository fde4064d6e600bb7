import { ShapeError } from './errors.ts';

/** Sizes of the axes, outermost first. `[]` is a scalar. */
export type Shape = readonly number[];

/** Number of elements. */
export function sizeOf(shape: Shape): number {
  let size = 1;
  for (const extent of shape) size *= extent;
  return size;
}

/** Strides in elements of a row-major array. */
export function rowMajor(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= shape[axis]!;
  }
  return strides;
}

/** True when both shapes are the same. */
export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((extent, axis) => extent === b[axis]);
}

/** Reads a negative axis from the end; throws {@link ShapeError} when there is no such axis. */
export function normalizeAxis(axis: number, rank: number, where: string): number {
  const normalized = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(axis) || normalized < 0 || normalized >= rank)
    throw new ShapeError(`${where}: axis ${axis} does not exist in a tensor of ${rank} axes.`, {
      facts: { axis, rank },
    });
  return normalized;
}

/** The shape that both broadcast to (trailing axes aligned, 1 stretches). */
export function broadcastShapes(a: Shape, b: Shape, where: string): number[] {
  const rank = Math.max(a.length, b.length);
  const out = new Array<number>(rank);
  for (let i = 1; i <= rank; i++) {
    const x = a[a.length - i] ?? 1;
    const y = b[b.length - i] ?? 1;
    if (x !== y && x !== 1 && y !== 1)
      throw new ShapeError(
        `${where}: shapes ${showShape(a)} and ${showShape(b)} do not broadcast: ${x} and ${y} differ on axis −${i}. ` +
          `Make them equal or one of them 1.`,
        { facts: { a, b } },
      );
    out[rank - i] = x === 1 ? y : x;
  }
  return out;
}

/** `[2, 3]` as text. */
export function showShape(shape: Shape): string {
  return `[${shape.join(', ')}]`;
}

/** Throws {@link ShapeError} unless every extent is a non-negative whole number. */
export function checkShape(shape: Shape, where: string): void {
  for (const extent of shape)
    if (!Number.isInteger(extent) || extent < 0)
      throw new ShapeError(`${where}: ${showShape(shape)} is no shape: extents are whole numbers from 0.`, {
        facts: { shape },
      });
}
