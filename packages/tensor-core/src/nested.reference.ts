import { CpuDevice } from './cpu/cpu-device.ts';
import type { DType } from './dtype.ts';
import { allocateHost } from './dtype.ts';
import { toElement } from './element.ts';
import { read } from './evaluate.ts';
import { flip, permute, sliceOp } from './primitives/view.ts';
import { sizeOf } from './shape.ts';
import type { Shape } from './shape.ts';
import { apply1, fromHost } from './tensor.ts';
import type { Tensor } from './tensor.ts';

/** Numbers under a shape, read by index: what the tests compute with, one element at a time. */
export interface Nested {
  readonly shape: Shape;
  at(...index: readonly number[]): number;
}

/** All indices of a shape in row-major order. */
function* indices(shape: Shape): Generator<number[]> {
  if (shape.length === 0) yield [];
  else for (let i = 0; i < shape[0]!; i++) for (const rest of indices(shape.slice(1))) yield [i, ...rest];
}

/** Numbers by a rule. */
export function nested(shape: Shape, rule: (...index: number[]) => number): Nested {
  const values = Float64Array.from(indices(shape), (index) => rule(...index));
  const at = (...index: readonly number[]): number => {
    let place = 0;
    for (let axis = 0; axis < shape.length; axis++) {
      if (!(index[axis]! >= 0 && index[axis]! < shape[axis]!)) return Number.NaN;
      place = place * shape[axis]! + index[axis]!;
    }
    return values[place]!;
  };
  return { shape, at };
}

/** All numbers, row-major. */
export function flat({ shape, at }: Nested): number[] {
  return [...indices(shape)].map((index) => at(...index));
}

/** `x` under a larger shape, trailing axes aligned. */
export function stretched(x: Nested, shape: Shape): Nested {
  const missing = shape.length - x.shape.length;
  return {
    shape,
    at: (...index) => x.at(...x.shape.map((extent, axis) => (extent === 1 ? 0 : index[missing + axis]!))),
  };
}

/** A source of numbers that does not use the generator under test. */
export function numbers(seed: number): () => number {
  let state = seed * 2654435761 + 1;
  return () => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x6d2b79f5) | 0;
    return ((state ^ (state >>> 13)) >>> 0) / 2 ** 32;
  };
}

/** Reals in [−2, 2) that single precision holds exactly. */
export function reals(shape: Shape, seed: number): Nested {
  const next = numbers(seed);
  return nested(shape, () => Math.fround(next() * 4 - 2));
}

/** Whole numbers from `low` to `high`. */
export function integers(shape: Shape, seed: number, low: number, high: number): Nested {
  const next = numbers(seed);
  return nested(shape, () => low + Math.floor(next() * (high - low + 1)));
}

/** A constant with these numbers. */
export function constant(x: Nested, dtype: DType = 'f32'): Tensor {
  const data = allocateHost(dtype, sizeOf(x.shape), true);
  flat(x).forEach((value, i) => (data[i] = toElement(value, dtype)));
  return fromHost(data, x.shape, dtype);
}

/** The same numbers reached in several ways: as they lie, through turned axes, backwards, by every second element of something larger. */
export function layouts(x: Nested, dtype: DType = 'f32'): [name: string, tensor: Tensor][] {
  const turned = x.shape.map((_, axis) => axis).toReversed();
  const all: [string, Tensor][] = [
    ['row-major', constant(x, dtype)],
    [
      'turned',
      permute(
        constant(
          nested(x.shape.toReversed(), (...index) => x.at(...index.toReversed())),
          dtype,
        ),
        turned,
      ),
    ],
  ];
  if (x.shape.includes(0)) return all;
  const mirrored = nested(x.shape, (...index) => x.at(...index.map((i, axis) => x.shape[axis]! - 1 - i)));
  const spread = nested(
    x.shape.map((extent) => 2 * extent + 1),
    (...index) => (index.every((i) => i % 2 === 1) ? x.at(...index.map((i) => (i - 1) / 2)) : 7),
  );
  const taken = { starts: x.shape.map(() => 1), sizes: x.shape, steps: x.shape.map(() => 2) };
  return [
    ...all,
    ['backwards', x.shape.reduce((tensor, _, axis) => flip(tensor, axis), constant(mirrored, dtype))],
    ['every second', apply1(sliceOp, [constant(spread, dtype)], taken)],
  ];
}

const device = new CpuDevice({ poison: true });

/** Elements of a tensor as plain numbers, computed with memory that starts as NaN. */
export async function values(x: Tensor, on: CpuDevice = device): Promise<number[]> {
  return [...(await read(x, on))];
}

/** Which elements differ from the expected ones by more than `tolerance · (1 + |expected|)`. */
export function deviations(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance = 1e-6): string[] {
  if (actual.length !== expected.length) return [`${actual.length} elements, expected ${expected.length}`];
  return Array.from(expected).flatMap((wanted, i) => {
    const got = actual[i]!;
    const near =
      Object.is(got, wanted) || got === wanted || Math.abs(got - wanted) <= tolerance * (1 + Math.abs(wanted));
    return near ? [] : [`element ${i} is ${got}, expected ${wanted}`];
  });
}
