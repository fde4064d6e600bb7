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
import type { Shape } from '../shape.ts';
import { read } from '../evaluate.ts';
import { einsum, matmul } from './matmul.ts';
import { zeros } from './index-ops.ts';
import { cast } from './elementwise.ts';
import { transpose } from './view.ts';

function product(a: Nested, b: Nested): Nested {
  const batch = broadcastShapes(a.shape.slice(0, -2), b.shape.slice(0, -2), 'test');
  const [M, K] = a.shape.slice(-2) as [number, number];
  const N = b.shape.at(-1)!;
  const [left, right] = [stretched(a, [...batch, M, K]), stretched(b, [...batch, K, N])];
  return nested([...batch, M, N], (...i) => {
    const [m, n] = i.slice(-2) as [number, number];
    let sum = 0;
    for (let k = 0; k < K; k++) sum += left.at(...i.slice(0, -2), m, k) * right.at(...i.slice(0, -2), k, n);
    return sum;
  });
}

const cases: [Shape, Shape][] = [
  [[1, 1], [1, 1]],
  [[2, 3], [3, 5]],
  [[1, 65], [65, 63]],
  [[63, 1], [1, 65]],
  [[5, 7], [7, 1]],
  [[17, 33], [33, 19]],
  [[0, 3], [3, 2]],
  [[2, 0], [0, 3]],
  [[2, 3], [3, 0]],
  [[3, 2, 4], [3, 4, 5]],
  [[2, 4], [3, 4, 5]],
  [[3, 2, 4], [4, 5]],
  [[2, 1, 3, 4], [5, 4, 2]],
  [[0, 2, 3], [3, 4]],
]; // prettier-ignore

describe('matmul', () => {
  test.each(cases)('%j · %j, however both lie', async (left, right) => {
    const [a, b] = [reals(left, 1), reals(right, 2)];
    const expected = product(a, b);
    for (const [, x] of layouts(a))
      for (const [, y] of layouts(b)) {
        const made = matmul(x, y);
        expect(made.shape).toEqual(expected.shape);
        expect(deviations(await values(made), flat(expected))).toEqual([]);
      }
  });

  test.each([{ simd: true }, { simd: false }, { definitionsOnly: true }])(
    'larger products with %o',
    async (options) => {
      const [a, b] = [reals([67, 129], 3), reals([129, 70], 4)];
      const expected = flat(product(a, b));
      const device = new CpuDevice({ poison: true, ...options });
      for (const [, y] of layouts(b))
        expect(deviations(await values(matmul(constant(a), y), device), expected, 1e-5)).toEqual([]);
      const row = nested([1, 129], (_, k) => a.at(9, k));
      expect(
        deviations(await values(matmul(constant(row), constant(b)), device), expected.slice(9 * 70, 10 * 70), 1e-5),
      ).toEqual([]);
    },
  );

  test.each(['f16', 'bf16'] as const)('a right operand in %s, as [K, N] and as the view of [N, K]', async (dtype) => {
    // Whole numbers and quarters are exact in 16 bits.
    for (const [K, N] of [
      [1, 1],
      [7, 5],
      [65, 63],
      [128, 20],
    ] as const) {
      // prettier-ignore
      const a = integers([3, K], 5, -9, 9);
      const whole = integers([K, N], 6, -9, 9);
      const b = nested([K, N], (k, n) => whole.at(k, n) / 4);
      const expected = flat(product(a, b));
      for (const [, y] of layouts(b, dtype)) expect(await values(matmul(constant(a), y))).toEqual(expected);
      const stored = constant(
        nested([N, K], (n, k) => b.at(k, n)),
        dtype,
      );
      expect(await values(matmul(constant(a), transpose(stored)))).toEqual(expected);
    }
  });

  test('16 bits in a batch, on a device of doubles too', async () => {
    const [a, b] = [integers([2, 3, 5], 7, -9, 9), integers([2, 5, 4], 8, -9, 9)];
    const wide = new CpuDevice({ precision: 'f64', poison: true });
    for (const dtype of ['f16', 'bf16'] as const)
      expect(await values(matmul(constant(a), constant(b, dtype)), wide)).toEqual(flat(product(a, b)));
  });

  test('a row does not depend on its neighbours', async () => {
    const [a, b] = [reals([9, 40], 9), reals([40, 33], 10)];
    const all = await values(matmul(constant(a), constant(b)));
    for (const m of [0, 3, 8]) {
      const row = nested([1, 40], (_, k) => a.at(m, k));
      expect(
        deviations(await values(matmul(constant(row), constant(b))), all.slice(m * 33, m * 33 + 33), 1e-6),
      ).toEqual([]);
    }
  });
});

describe('einsum', () => {
  /** Sums over all letters that are not in the result. */
  function summed(subscripts: string, a: Nested, b: Nested): Nested {
    const [inA, inB, out] = subscripts.split(/,|->/) as [string, string, string];
    const extents = new Map([
      ...[...inA].map((l, i) => [l, a.shape[i]!] as const),
      ...[...inB].map((l, i) => [l, b.shape[i]!] as const),
    ]);
    const inner = [...extents.keys()].filter((letter) => !out.includes(letter));
    return nested(
      [...out].map((letter) => extents.get(letter)!),
      (...i) => {
        let sum = 0;
        nested(
          inner.map((letter) => extents.get(letter)!),
          (...j) => {
            const at = (letter: string): number =>
              out.includes(letter) ? i[out.indexOf(letter)]! : j[inner.indexOf(letter)]!;
            return (sum += a.at(...[...inA].map(at)) * b.at(...[...inB].map(at)));
          },
        );
        return sum;
      },
    );
  }

  const forms: [string, Shape, Shape][] = [
    ['ab,bc->ac', [2, 3], [3, 4]],
    ['ab,cb->ca', [2, 3], [4, 3]],
    ['btd,dhk->bthk', [2, 3, 5], [5, 2, 3]],
    ['bthk,hkd->btd', [2, 3, 2, 4], [2, 4, 5]],
    ['bthk,bshk->bhts', [2, 3, 2, 4], [2, 5, 2, 4]],
    ['a,b->ba', [3], [4]],
    ['a,a->', [5], [5]],
    ['ab,ab->ab', [2, 3], [2, 3]],
    ['ab,->ab', [2, 3], []],
    ['ab,bc->ac', [2, 0], [0, 4]],
  ];
  test.each(forms)('%s of %j and %j', async (subscripts, left, right) => {
    const [a, b] = [reals(left, 11), reals(right, 12)];
    const expected = summed(subscripts, a, b);
    for (const [, x] of layouts(a))
      for (const [, y] of layouts(b)) {
        const made = einsum(subscripts, x, y);
        expect(made.shape).toEqual(expected.shape);
        expect(deviations(await values(made), flat(expected))).toEqual([]);
      }
  });

  test('takes a right operand in 16 bits', async () => {
    const [a, b] = [integers([2, 3], 13, -5, 5), integers([3, 2, 2], 14, -5, 5)];
    expect(await values(einsum('bd,dhk->bhk', constant(a), constant(b, 'bf16')))).toEqual(
      flat(summed('bd,dhk->bhk', a, b)),
    );
  });

  const wrong: [string, Shape, Shape, string][] = [
    ['ab', [2, 3], [3, 4], "einsum: 'ab' is not of the form 'ab,bc->ac'."],
    ['aa,bc->ac', [2, 2], [3, 4], "einsum: 'aa' does not name each axis of [2, 2] once."],
    ['ab,bc->ac', [2, 3], [4, 4], "einsum 'ab,bc->ac': axis b is 3 and 4."],
    [
      'ab,bc->a',
      [2, 3],
      [3, 4],
      "einsum: 'ab,bc->a' sums over an axis of one operand only, or names an unknown axis. Use sum for that.",
    ],
    ['ab,bc->acd', [2, 3], [3, 4], "einsum: 'ab,bc->acd' sums over an axis of one operand only"],
    ['ab,bc->aac', [2, 3], [3, 4], "einsum: 'ab,bc->aac' sums over"],
  ];
  test.each(wrong)('refuses %s of %j and %j', (subscripts, a, b, message) => {
    expect(() => einsum(subscripts, zeros(a), zeros(b))).toThrow(message);
  });
});

describe('errors of matmul', () => {
  test.each([
    [[3], [3, 2], 'matmul: takes matrices, not [3] and [3, 2].'],
    [[2, 3], [4, 2], 'matmul: [2, 3] · [4, 2]: inner extents 3 and 4 differ.'],
    [[2, 2, 3], [5, 3, 2], 'matmul: shapes [2] and [5] do not broadcast'],
  ])('%j · %j', (a, b, message) => {
    expect(() => matmul(zeros(a), zeros(b))).toThrow(message);
  });

  test('element types', async () => {
    const halves = cast(zeros([2, 2]), 'f16');
    expect(() => matmul(halves, zeros([2, 2]))).toThrow(
      'matmul: operands are f16 and f32, expected f32 and f32, f16 or bf16.',
    );
    expect(() => matmul(zeros([2, 2]), zeros([2, 2], 'i32'))).toThrow('matmul: operands are f32 and i32');
    expect((await read(matmul(zeros([2, 2]), halves))).length).toBe(4);
  });
});
