import { geluTanh, silu } from '@tessera/ops';
import type { HostArray, Tensor, TensorType } from '@tessera/tensor-core';
import { add, bytesPerElement, cast, mul } from '@tessera/tensor-core';
import { numbersOf } from '../filler.ts';
import type { KernelCase } from '../kernel-case.ts';
import { somePlaces } from '../kernel-case.ts';
import type { Scale } from '../scale.ts';

interface Map {
  readonly name: string;
  readonly inputs: readonly TensorType['dtype'][];
  readonly flopsPerElement: number;
  apply(inputs: readonly Tensor[]): Tensor;
  /** One element in float64. */
  reference(...inputs: number[]): number;
}

const maps: readonly Map[] = [
  {
    name: 'a + b',
    inputs: ['f32', 'f32'],
    flopsPerElement: 1,
    apply: ([a, b]) => add(a!, b!),
    reference: (a, b) => a! + b!,
  },
  {
    name: 'silu(a) · b + c',
    inputs: ['f32', 'f32', 'f32'],
    flopsPerElement: 6,
    apply: ([a, b, c]) => add(mul(silu(a!), b!), c!),
    reference: (a, b, c) => (a! / (1 + Math.exp(-a!))) * b! + c!,
  },
  {
    name: 'gelu(a)',
    inputs: ['f32'],
    flopsPerElement: 10,
    apply: ([a]) => geluTanh(a!),
    reference: (a) => 0.5 * a! * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (a! + 0.044_715 * a! ** 3))),
  },
  {
    name: 'f16 to f32',
    inputs: ['f16'],
    flopsPerElement: 0,
    apply: ([a]) => cast(a!, 'f32'),
    reference: (a) => a!,
  },
];

function mapCase(map: Map, size: number): KernelCase {
  const types = map.inputs.map((dtype): TensorType => ({ shape: [size], dtype }));
  const one = (data: readonly HostArray[], index: number): number =>
    map.reference(...data.map((values, i) => numbersOf(values, types[i]!, index, 1)[0]!));
  return {
    group: 'maps',
    shape: `${map.name}, ${size % 2 ** 20 === 0 ? `${size / 2 ** 20} Mi` : size} elements`,
    dtype: map.inputs[0] === 'f16' ? 'f16' : 'f32',
    inputs: types.map((type) => ({ ...type, scale: 4 })),
    build: (inputs) => map.apply(inputs),
    units: 1,
    work: {
      bytes: size * map.inputs.reduce((sum, dtype) => sum + bytesPerElement(dtype), 4),
      flops: size * map.flopsPerElement,
    },
    check: (data) => somePlaces(size, 4096).map((index) => ({ index, value: one(data, index) })),
    tolerance: 1e-5,
  };
}

/** Generated shaders of elementwise expressions. */
export function mapCases(scale: Scale): KernelCase[] {
  if (scale === 'dry') return maps.map((map) => mapCase(map, 24));
  if (scale === 'quick') return maps.slice(1, 2).map((map) => mapCase(map, 2 ** 26));
  return [...maps.map((map) => mapCase(map, 2 ** 26)), mapCase(maps[1]!, 2 ** 26 - 1)];
}
