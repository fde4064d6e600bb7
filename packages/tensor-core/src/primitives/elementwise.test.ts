import { describe, expect, test } from 'vitest';
import { CpuDevice } from '../cpu/cpu-device.ts';
import type { Nested } from '../nested.reference.ts';
import {
  constant,
  deviations,
  flat,
  integers,
  layouts,
  nested,
  reals,
  stretched,
  values,
} from '../nested.reference.ts';
import { broadcastShapes } from '../shape.ts';
import type { Operand, Tensor } from '../tensor.ts';
import { tensor } from '../tensor.ts';
import * as elementwise from './elementwise.ts';

const unary: Record<string, [(x: Tensor) => Tensor, (x: number) => number]> = {
  neg: [elementwise.neg, (x) => -x],
  abs: [elementwise.abs, Math.abs],
  sign: [elementwise.sign, Math.sign],
  exp: [elementwise.exp, Math.exp],
  log: [elementwise.log, Math.log],
  sqrt: [elementwise.sqrt, Math.sqrt],
  rsqrt: [elementwise.rsqrt, (x) => x ** -0.5],
  sin: [elementwise.sin, Math.sin],
  cos: [elementwise.cos, Math.cos],
  tanh: [elementwise.tanh, Math.tanh],
  sigmoid: [elementwise.sigmoid, (x) => 1 / (1 + Math.exp(-x))],
  floor: [elementwise.floor, Math.floor],
  ceil: [elementwise.ceil, Math.ceil],
  square: [elementwise.square, (x) => x * x],
};

type Pair = [(a: Operand, b: Operand) => Tensor, (a: number, b: number) => number];
const binary: Record<string, Pair> = {
  add: [elementwise.add, (a, b) => a + b],
  sub: [elementwise.sub, (a, b) => a - b],
  mul: [elementwise.mul, (a, b) => a * b],
  div: [elementwise.div, (a, b) => a / b],
  rem: [elementwise.rem, (a, b) => a - b * Math.trunc(a / b)],
  maximum: [elementwise.maximum, (a, b) => (a > b ? a : b)],
  minimum: [elementwise.minimum, (a, b) => (a < b ? a : b)],
};
const comparisons: Record<string, Pair> = {
  equal: [elementwise.equal, (a, b) => Number(a === b)],
  notEqual: [elementwise.notEqual, (a, b) => Number(a !== b)],
  less: [elementwise.less, (a, b) => Number(a < b)],
  lessEqual: [elementwise.lessEqual, (a, b) => Number(a <= b)],
  greater: [elementwise.greater, (a, b) => Number(a > b)],
  greaterEqual: [elementwise.greaterEqual, (a, b) => Number(a >= b)],
};

describe('functions of one number', () => {
  test.each(Object.keys(unary))('%s is that of every element, however the input lies', async (name) => {
    const [op, reference] = unary[name]!;
    for (const shape of [[], [0], [1], [63], [65], [3, 1, 5], [2, 0, 3]])
      for (const [, x] of layouts(reals(shape, 1)))
        expect(deviations(await values(op(x)), flat(reals(shape, 1)).map(reference))).toEqual([]);
  });

  test('round takes halves to the even neighbour', async () => {
    const x = [-2.5, -1.5, -0.5, -0.4, 0.4, 0.5, 1.5, 2.5, 2.6, 4_194_303.5, 8_388_609];
    const rounded = await values(elementwise.round(tensor(x)));
    expect(rounded.map((value) => value + 0)).toEqual([-2, -2, 0, 0, 0, 0, 2, 2, 3, 4_194_304, 8_388_609]);
  });

  test('sigmoid does not overflow at either end', async () => {
    expect(await values(elementwise.sigmoid(tensor([-1000, -100, 0, 100, 1000])))).toEqual([
      0,
      Math.fround(Math.exp(-100)),
      0.5,
      1,
      1,
    ]);
  });

  test('erf agrees with its power series and its tables', async () => {
    const x = [0, 0.1, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, 6, 7, Infinity];
    // Abramowitz and Stegun, table 7.1.
    const table = [
      0, 0.1124629160182849, 0.5204998778130465, 0.8427007929497149, 0.9661051464753108, 0.9953222650189527,
      0.9995930479825551, 0.9999779095030014, 0.9999992569016276, 1, 1, 1,
    ];
    const wide = new CpuDevice({ precision: 'f64' });
    const both = [...x, ...x.map((v) => -v)];
    expect(
      deviations(await values(elementwise.erf(tensor(both)), wide), [...table, ...table.map((v) => -v)], 1e-15),
    ).toEqual([]);
    expect(await values(elementwise.erf(tensor([Number.NaN])))).toEqual([Number.NaN]);
  });

  test('integers have neg, abs and sign, which wrap', async () => {
    const x = tensor([-3, 0, 5, -2147483648], { dtype: 'i32' });
    expect(await values(elementwise.neg(x))).toEqual([3, 0, -5, -2147483648]);
    expect(await values(elementwise.abs(x))).toEqual([3, 0, 5, -2147483648]);
    expect(await values(elementwise.sign(x))).toEqual([-1, 0, 1, -1]);
    expect(await values(elementwise.neg(tensor([1, 0], { dtype: 'u32' })))).toEqual([4294967295, 0]);
  });

  test('not turns a bool around', async () => {
    expect(await values(elementwise.not(tensor([0, 1, 1], { dtype: 'bool' })))).toEqual([1, 0, 0]);
  });
});

describe('functions of two numbers', () => {
  const shapes: [number[], number[]][] = [
    [[], []],
    [[65], [65]],
    [[63], []],
    [[], [63]],
    [
      [3, 1],
      [1, 5],
    ],
    [
      [1, 5],
      [3, 1],
    ],
    [
      [4, 1, 3],
      [2, 1],
    ],
    [
      [2, 1],
      [4, 1, 3],
    ],
    [[0], [1]],
    [
      [2, 0],
      [1, 1],
    ],
  ];

  test.each(Object.keys({ ...binary, ...comparisons }))('%s broadcasts both ways', async (name) => {
    const [op, reference] = { ...binary, ...comparisons }[name]!;
    for (const [left, right] of shapes) {
      const shape = broadcastShapes(left, right, 'test');
      const coarse = (x: Nested): Nested => nested(x.shape, (...i) => Math.round(x.at(...i) * 2) / 2 || 0.5);
      const [a, b] = [coarse(reals(left, 2)), coarse(reals(right, 3))];
      const expected = flat(
        nested(shape, (...i) => reference(stretched(a, shape).at(...i), stretched(b, shape).at(...i))),
      );
      for (const [, x] of layouts(a))
        for (const [, y] of layouts(b)) expect(deviations(await values(op(x, y)), expected)).toEqual([]);
    }
  });

  test('pow is that of every element', async () => {
    expect(
      deviations(await values(elementwise.pow(tensor([2, 9, 0.5, 0]), tensor([10, 0.5, -2, 0]))), [1024, 3, 4, 1]),
    ).toEqual([]);
  });

  test('a number takes the element type of the tensor beside it', async () => {
    const x = tensor([7, -7], { dtype: 'i32' });
    expect(elementwise.div(x, 2).dtype).toBe('i32');
    expect(await values(elementwise.sub(1, x))).toEqual([-6, 8]);
  });

  test('i32 wraps, divides towards zero, and gives 0 for a division by 0', async () => {
    const a = integers([65], 4, -2147483648, 2147483647);
    const b = integers([65], 5, -1000, 1000);
    const check = async (op: Pair[0], reference: (x: bigint, y: bigint) => bigint): Promise<void> => {
      const expected = flat(a).map((x, i) => Number(BigInt.asIntN(32, reference(BigInt(x), BigInt(b.at(i))))));
      expect(await values(op(constant(a, 'i32'), constant(b, 'i32')))).toEqual(expected);
    };
    await check(elementwise.add, (x, y) => x + y);
    await check(elementwise.sub, (x, y) => x - y);
    await check(elementwise.mul, (x, y) => x * y);
    await check(elementwise.div, (x, y) => (y === 0n ? 0n : x / y));
    await check(elementwise.rem, (x, y) => (y === 0n ? 0n : x % y));
    await check(elementwise.and, (x, y) => x & y);
    await check(elementwise.or, (x, y) => x | y);
    await check(elementwise.xor, (x, y) => x ^ y);
    const least = tensor([-2147483648], { dtype: 'i32' });
    expect(await values(elementwise.div(least, -1))).toEqual([-2147483648]);
    expect(await values(elementwise.div(tensor([7, -7], { dtype: 'i32' }), 0))).toEqual([0, 0]);
  });

  test('u32 wraps and compares without a sign', async () => {
    const a = integers([65], 6, 0, 4294967295);
    const b = integers([65], 7, 0, 4294967295);
    const check = async (op: Pair[0], reference: (x: bigint, y: bigint) => bigint): Promise<void> => {
      const expected = flat(a).map((x, i) => Number(BigInt.asUintN(32, reference(BigInt(x), BigInt(b.at(i))))));
      expect(await values(op(constant(a, 'u32'), constant(b, 'u32')))).toEqual(expected);
    };
    await check(elementwise.add, (x, y) => x + y);
    await check(elementwise.sub, (x, y) => x - y);
    await check(elementwise.mul, (x, y) => x * y);
    await check(elementwise.div, (x, y) => x / y);
    await check(elementwise.rem, (x, y) => x % y);
    await check(elementwise.xor, (x, y) => x ^ y);
    await check(elementwise.maximum, (x, y) => (x > y ? x : y));
    await check(elementwise.less, (x, y) => (x < y ? 1n : 0n));
  });

  test('shifts to the right keep the sign of i32 and not of u32', async () => {
    const by = [0, 1, 4, 31];
    const words = (value: number, dtype: 'i32' | 'u32'): Tensor =>
      tensor(
        by.map(() => value),
        { dtype },
      );
    const i32 = tensor(by, { dtype: 'i32' });
    const u32 = tensor(by, { dtype: 'u32' });
    expect(await values(elementwise.shiftRight(words(-64, 'i32'), i32))).toEqual([-64, -32, -4, -1]);
    expect(await values(elementwise.shiftRight(words(4294967232, 'u32'), u32))).toEqual([
      4294967232, 2147483616, 268435452, 1,
    ]);
    expect(await values(elementwise.shiftLeft(words(3, 'i32'), i32))).toEqual([3, 6, 48, -2147483648]);
    expect(await values(elementwise.shiftLeft(words(3, 'u32'), u32))).toEqual([3, 6, 48, 2147483648]);
  });

  test('bools have and, or, xor and comparisons', async () => {
    const a = tensor([0, 0, 1, 1], { dtype: 'bool' });
    const b = tensor([0, 1, 0, 1], { dtype: 'bool' });
    expect(await values(elementwise.and(a, b))).toEqual([0, 0, 0, 1]);
    expect(await values(elementwise.or(a, b))).toEqual([0, 1, 1, 1]);
    expect(await values(elementwise.xor(a, b))).toEqual([0, 1, 1, 0]);
    expect(await values(elementwise.equal(a, b))).toEqual([1, 0, 0, 1]);
  });

  test('a list of numbers becomes a bool by being 0 or not', async () => {
    expect(await values(elementwise.and(tensor([2, 0], { dtype: 'bool' }), tensor([4, 4], { dtype: 'bool' })))).toEqual(
      [1, 0],
    );
  });
});

describe('where', () => {
  test('takes the chosen operand, broadcasting all three', async () => {
    const [c, a, b] = [integers([3, 1], 8, 0, 1), reals([1, 4], 9), reals([2, 3, 1], 10)];
    const shape = [2, 3, 4];
    const expected = flat(
      nested(shape, (...i) => (stretched(c, shape).at(...i) ? stretched(a, shape) : stretched(b, shape)).at(...i)),
    );
    for (const [, condition] of layouts(c, 'bool'))
      for (const [, x] of layouts(a))
        expect(deviations(await values(elementwise.where(condition, x, constant(b))), expected)).toEqual([]);
  });

  test('passes over NaN and infinities that are not chosen', async () => {
    const condition = tensor([1, 0, 1], { dtype: 'bool' });
    const x = elementwise.where(condition, tensor([1, Number.NaN, 3]), tensor([Infinity, 2, Number.NaN]));
    expect(await values(x)).toEqual([1, 2, 3]);
  });
});

describe('cast', () => {
  test('floats go to integers towards zero', async () => {
    const x = tensor([-2.9, -0.5, 0, 0.99, 3.5]);
    expect(await values(elementwise.cast(x, 'i32'))).toEqual([-2, 0, 0, 0, 3]);
    expect(await values(elementwise.cast(tensor([0.99, 4294967040]), 'u32'))).toEqual([0, 4294967040]);
  });

  test('anything but 0 is true, NaN as well', async () => {
    const x = tensor([0, -0, 0.1, -3, Number.NaN, Infinity]);
    expect(await values(elementwise.cast(x, 'bool'))).toEqual([0, 0, 1, 1, 1, 1]);
    expect(await values(elementwise.cast(tensor([0, -7], { dtype: 'i32' }), 'bool'))).toEqual([0, 1]);
  });

  test('words keep their bits between i32 and u32', async () => {
    expect(await values(elementwise.cast(tensor([-1, 5], { dtype: 'i32' }), 'u32'))).toEqual([4294967295, 5]);
    expect(await values(elementwise.cast(tensor([4294967295, 5], { dtype: 'u32' }), 'i32'))).toEqual([-1, 5]);
  });

  test.each(['f16', 'bf16'] as const)('%s comes back rounded, however it lies', async (dtype) => {
    const x = reals([5, 13], 11);
    const step = dtype === 'f16' ? 2 ** -11 : 2 ** -8;
    for (const [, halves] of layouts(x, dtype)) {
      const back = await values(elementwise.cast(halves, 'f32'));
      expect(deviations(back, flat(x), step)).toEqual([]);
      expect(await values(elementwise.cast(elementwise.cast(tensor(back), dtype), 'f32'))).toEqual(back);
    }
  });

  test('16 bits go to other types through their numbers, not their bits', async () => {
    const x = tensor([1.5, -3, 0], { dtype: 'f16' });
    expect(await values(elementwise.cast(x, 'i32'))).toEqual([1, -3, 0]);
    expect(await values(elementwise.cast(x, 'bool'))).toEqual([1, 1, 0]);
    expect(await values(elementwise.cast(elementwise.cast(x, 'bf16'), 'f32'))).toEqual([1.5, -3, 0]);
  });

  test('to its own type it is the tensor itself', () => {
    const x = tensor([1]);
    expect(elementwise.cast(x, 'f32')).toBe(x);
  });
});

describe('errors name the function, the types and the mend', () => {
  const f = tensor([1, 2]);
  const i = tensor([1, 2], { dtype: 'i32' });
  const bool = tensor([1, 0], { dtype: 'bool' });
  const half = tensor([1, 2], { dtype: 'f16' });
  const cases: [string, () => unknown, string][] = [
    ['two types', () => elementwise.add(f, i), 'add: operands are f32 and i32. Cast one of them.'],
    ['16 bits', () => elementwise.exp(half), 'exp: f16 is a storage type. Cast it to f32 first.'],
    ['a bool sum', () => elementwise.add(bool, bool), 'add: takes no bool. Cast it first.'],
    ['a bool shift', () => elementwise.shiftLeft(bool, bool), 'shl: takes no bool. Cast it first.'],
    ['a float and', () => elementwise.and(f, f), 'and: takes no f32. Cast it first.'],
    ['a float shift', () => elementwise.shiftRight(f, f), 'shr: takes no f32. Cast it first.'],
    ['an integer exp', () => elementwise.exp(i), 'exp: takes f32, not i32. Cast it first.'],
    ['an integer pow', () => elementwise.pow(i, i), 'pow: takes f32, not i32. Cast it first.'],
    ['not of floats', () => elementwise.not(f), 'not: takes no f32. Cast it first.'],
    [
      'a float condition',
      () => elementwise.where(f, f, f),
      'where: the condition is f32, expected bool. Compare it with something.',
    ],
    [
      'shapes',
      () => elementwise.add(tensor([1, 2, 3]), f),
      'add: shapes [3] and [2] do not broadcast: 3 and 2 differ on axis −1. Make them equal or one of them 1.',
    ],
  ];
  test.each(cases)('%s', (_, run, message) => expect(run).toThrow(message));
});
