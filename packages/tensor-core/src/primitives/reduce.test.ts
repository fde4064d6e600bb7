import { describe, expect, test } from 'vitest';
import type { Nested } from '../nested.reference.ts';
import { constant, deviations, flat, integers, layouts, nested, reals, values } from '../nested.reference.ts';
import type { Shape } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { tensor } from '../tensor.ts';
import { zeros } from './index-ops.ts';
import type { ReduceOptions } from './reduce.ts';
import { argmax, argmin, max, mean, min, sum } from './reduce.ts';

const cases: [Shape, number[]][] = [
  [[1], [0]],
  [[63], [0]],
  [[65], [-1]],
  [[3, 65], [0]],
  [[3, 65], [1]],
  [[2, 3, 4], [1]],
  [
    [2, 3, 4],
    [0, 2],
  ],
  [
    [2, 3, 4],
    [1, 2],
  ],
  [
    [2, 3, 4, 5],
    [0, 1, 3],
  ],
  [
    [2, 3, 4, 5],
    [1, 3],
  ],
  [
    [4, 1, 3],
    [0, 1, 2],
  ],
  [[0, 3], [1]],
];

/** Joins the elements of the axes one by one. */
function joined(x: Nested, axes: number[], join: (items: number[]) => number): Nested {
  const normal = axes.map((axis) => (axis + x.shape.length) % x.shape.length);
  const kept = x.shape.map((extent, axis) => (normal.includes(axis) ? 1 : extent));
  const inner = x.shape.map((extent, axis) => (normal.includes(axis) ? extent : 1));
  return nested(kept, (...i) => {
    const items: number[] = [];
    nested(inner, (...j) => items.push(x.at(...i.map((index, axis) => index + j[axis]!))));
    return join(items);
  });
}

type Reduction = (x: Tensor, options?: ReduceOptions) => Tensor;
const reductions: Record<string, [Reduction, (items: number[]) => number]> = {
  sum: [sum, (items) => items.reduce((a, b) => a + b, 0)],
  max: [max, (items) => items.toSorted((a, b) => b - a)[0]!],
  min: [min, (items) => items.toSorted((a, b) => a - b)[0]!],
  mean: [mean, (items) => items.reduce((a, b) => a + b, 0) / items.length],
};

describe('reductions', () => {
  test.each(Object.keys(reductions))('%s joins any axes, however the input lies', async (name) => {
    const [op, reference] = reductions[name]!;
    for (const [shape, axes] of cases) {
      const x = reals(shape, 1);
      const expected = joined(x, axes, reference);
      for (const [, input] of layouts(x)) {
        const kept = op(input, { axis: axes, keepDims: true });
        expect(kept.shape).toEqual(expected.shape);
        expect(deviations(await values(kept), flat(expected))).toEqual([]);
        const normal = axes.map((axis) => (axis + shape.length) % shape.length);
        expect(op(input, { axis: axes }).shape).toEqual(shape.filter((_, axis) => !normal.includes(axis)));
      }
    }
  });

  test('without axes they join everything, and a scalar is itself', async () => {
    const x = constant(reals([3, 5], 2));
    expect(sum(x).shape).toEqual([]);
    expect(deviations(await values(sum(x)), [flat(reals([3, 5], 2)).reduce((a, b) => a + b, 0)])).toEqual([]);
    expect(await values(max(tensor(3)))).toEqual([3]);
  });

  test('a sum over nothing is 0', async () => {
    expect(await values(sum(zeros([3, 0]), { axis: 1 }))).toEqual([0, 0, 0]);
    expect(await values(sum(zeros([0, 2]), { axis: 0 }))).toEqual([0, 0]);
    expect(await values(sum(zeros([2, 0, 0])))).toEqual([0]);
  });

  test('there is no largest of nothing', () => {
    for (const [op, name] of [
      [max, 'max'],
      [min, 'min'],
    ] as const)
      // prettier-ignore
      expect(() => op(zeros([2, 0]), { axis: 1 })).toThrow(`${name}: nothing to choose from along an axis of extent 0.`);
    expect(() => argmax(zeros([2, 0]), { axis: 1 })).toThrow(
      'argmax: nothing to choose from along an axis of extent 0.',
    );
    expect(max(zeros([0, 2]), { axis: 1 }).shape).toEqual([0]);
  });

  test('a long sum keeps what single precision would lose', async () => {
    const many = new Float32Array(100_001).fill(1e-3);
    many[0] = 1e6;
    expect(deviations(await values(sum(tensor(many))), [1e6 + 100_000 * Math.fround(1e-3)], 1e-7)).toEqual([]);
  });

  test('integers stay integers and wrap', async () => {
    const x = integers([65], 3, -2147483648, 2147483647);
    const total = flat(x).reduce((a, b) => a + BigInt(b), 0n);
    expect(await values(sum(constant(x, 'i32')))).toEqual([Number(BigInt.asIntN(32, total))]);
    expect(max(constant(x, 'i32')).dtype).toBe('i32');
    expect(await values(max(constant(x, 'i32')))).toEqual([Math.max(...flat(x))]);
    expect(await values(min(tensor([4294967295, 7], { dtype: 'u32' })))).toEqual([7]);
  });
});

describe('argmax and argmin', () => {
  test('give the lowest index of equal elements, along any axis', async () => {
    const x = integers([4, 5, 7], 4, 0, 3);
    for (const axis of [0, 1, 2]) {
      for (const [, input] of layouts(x)) {
        const largest = joined(x, [axis], (items) => items.indexOf(Math.max(...items)));
        const smallest = joined(x, [axis], (items) => items.indexOf(Math.min(...items)));
        expect(argmax(input, { axis }).dtype).toBe('i32');
        expect(await values(argmax(input, { axis }))).toEqual(flat(largest));
        expect(await values(argmin(input, { axis, keepDims: true }))).toEqual(flat(smallest));
      }
    }
  });

  test('take infinities for what they are', async () => {
    const x = tensor([0, -Infinity, Infinity, Infinity]);
    expect(await values(argmax(x, { axis: 0 }))).toEqual([2]);
    expect(await values(argmin(x, { axis: 0 }))).toEqual([1]);
    expect(await values(max(tensor([-Infinity, -Infinity])))).toEqual([-Infinity]);
  });
});

describe('errors', () => {
  const cases: [string, () => unknown, string][] = [
    ['an axis too many', () => sum(zeros([2]), { axis: 1 }), 'sum: axis 1 does not exist in a tensor of 1 axes.'],
    ['two axes of argmax', () => argmax(zeros([2, 2]), { axis: [0, 1] as never }), 'argmax: takes one axis, not 2.'],
    ['16 bits', () => sum(zeros([2], 'f16')), 'sum: takes no f16. Cast it first.'],
    ['bools', () => sum(zeros([2], 'bool')), 'sum: takes no bool. Cast it first.'],
    ['a mean of integers', () => mean(zeros([2], 'i32')), 'mean: takes f32, not i32. Cast it first.'],
  ];
  test.each(cases)('%s', (_, run, message) => expect(run).toThrow(message));
});
