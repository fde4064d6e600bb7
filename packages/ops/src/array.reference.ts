import type { Tensor } from '@tessera/tensor-core';
import { CpuDevice, fromHost, read, showShape, sizeOf } from '@tessera/tensor-core';

/** A row-major array of doubles: what references compute with. */
export interface Dense {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

/** Numbers by a rule over their place. */
export function dense(shape: readonly number[], rule: (place: number) => number): Dense {
  return { shape, data: Float64Array.from({ length: sizeOf(shape) }, (_, place) => rule(place)) };
}

/** Numbers in [low, high) that single precision holds exactly. */
export function randomDense(shape: readonly number[], seed: number, low = -1, high = 1): Dense {
  let state = Math.imul(seed + 1, 0x9e3779b1);
  return dense(shape, () => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x6d2b79f5) | 0;
    return Math.fround(low + (((state ^ (state >>> 13)) >>> 0) / 2 ** 32) * (high - low));
  });
}

/** The element at an index. */
export function get({ shape, data }: Dense, ...index: readonly number[]): number {
  return data[index.reduce((place, i, axis) => place * shape[axis]! + i, 0)]!;
}

/** A constant of doubles, which a device of single precision rounds. */
export function real({ shape, data }: Dense): Tensor {
  return fromHost(data, shape);
}

/** A constant of whole numbers. */
export function whole({ shape, data }: Dense): Tensor {
  return fromHost(Int32Array.from(data), shape);
}

/** A constant of bools. */
export function bool({ shape, data }: Dense): Tensor {
  return fromHost(Uint8Array.from(data), shape, 'bool');
}

const ways = [
  { name: 'kernel', device: new CpuDevice({ poison: true }), wide: false },
  { name: 'definition', device: new CpuDevice({ poison: true, definitionsOnly: true }), wide: false },
  { name: 'kernel in doubles', device: new CpuDevice({ poison: true, precision: 'f64' }), wide: true },
  {
    name: 'definition in doubles',
    device: new CpuDevice({ poison: true, precision: 'f64', definitionsOnly: true }),
    wide: true,
  },
];

/** How far results may be from the reference, relative to 1 + |expected|. */
export interface Tolerance {
  /** In single precision. @defaultValue 2e-6 */
  readonly single?: number;
  /** In double precision. @defaultValue 1e-12 */
  readonly double?: number;
}

/**
 * Runs what `build` records by kernels and by definitions, in single and double precision, with memory that starts as NaN,
 * and says where it differs from the reference.
 */
export async function differences(
  build: () => readonly Tensor[],
  expected: readonly Dense[],
  { single = 2e-6, double = 1e-12 }: Tolerance = {},
): Promise<string[]> {
  const found: string[] = [];
  for (const { name, device, wide } of ways)
    for (const [index, made] of build().entries()) {
      const { shape, data } = expected[index]!;
      if (made.shape.join() !== shape.join())
        found.push(`${name}: output ${index} is ${showShape(made.shape)}, not ${showShape(shape)}`);
      const actual = await read(made, device);
      const tolerance = wide ? double : single;
      const place = data.findIndex(
        (value, i) => !(Math.abs(actual[i]! - value) <= tolerance * (1 + Math.abs(value)) || actual[i] === value),
      );
      if (place >= 0 || actual.length !== data.length)
        found.push(`${name}: output ${index} at ${place} is ${actual[place]}, expected ${data[place]}`);
    }
  return found;
}
