import { describe, expect, test } from 'vitest';
import { CpuDevice } from '../cpu/cpu-device.ts';
import { trace } from '../graph.ts';
import * as t from '../index.ts';
import type { Tensor } from '../tensor.ts';
import { draws, expectGradient } from './finite-differences.test-support.ts';

const i32 = (values: t.NestedNumbers): Tensor => t.tensor(values, { dtype: 'i32' });

/** The gradient of the sum of what `f` makes by each of its inputs. */
async function gradientsOf(f: (...inputs: Tensor[]) => Tensor, ...inputs: Tensor[]): Promise<number[][]> {
  const graph = trace((...x) => t.gradOf(t.sum(f(...x)), x), inputs);
  const made = new CpuDevice({ precision: 'f64' }).prepare(graph).run(inputs);
  // −0 is 0 here.
  return Promise.all(made.map(async (each) => Array.from(await t.read(each), (value) => value + 0)));
}

describe('where functions are not smooth', () => {
  test('equal largest elements share what flows back', async () => {
    const x = t.tensor([
      [1, 3, 3],
      [2, 2, 2],
    ]);
    expect(await gradientsOf((a) => t.max(a!, { axis: 1 }), x)).toEqual([[0, 0.5, 0.5, 1 / 3, 1 / 3, 1 / 3]]);
    expect(await gradientsOf((a) => t.min(a!), x)).toEqual([[1, 0, 0, 0, 0, 0]]);
    expect(await gradientsOf((a) => t.maximum(a!, 3), x)).toEqual([[0, 0.5, 0.5, 0, 0, 0]]);
  });

  test('powers of zero, and to the power of zero', async () => {
    const [a, b] = [t.tensor([0, 0, 0, 2, -2, 0]), t.tensor([2, 1, 0, 0, 3, 0.5])];
    const [da] = await gradientsOf((x) => t.pow(x!, b), a);
    expect(da).toEqual([0, 1, 0, 0, 12, Infinity]);
    const [, db] = await gradientsOf((x, y) => t.pow(x!, y!), t.tensor([0, 0, 0, 2]), t.tensor([2, 1, 0, 0]));
    expect(db).toEqual([0, 0, 0, Math.log(2)]);
    // d²(a^b)/da db at b = 0 is 1/a.
    expect(await gradientsOf((y) => t.grad((x: Tensor) => t.pow(x, y!))(t.tensor(4)), t.tensor(0))).toEqual([[0.25]]);
  });

  test('a step, a rounding and the size of zero have none', async () => {
    for (const f of [t.sign, t.floor, t.ceil, t.round])
      expect(await gradientsOf((x) => f(x!), t.tensor([-1.5, 0, 2]))).toEqual([[0, 0, 0]]);
    expect(await gradientsOf((x) => t.abs(x!), t.tensor([-1.5, 0, 2]))).toEqual([[-1, 0, 1]]);
  });
});

describe('what was not chosen never counts', () => {
  const nothing = t.tensor([1, NaN, Infinity, 4]);
  const chosen = t.tensor([1, 0, 0, 1], { dtype: 'bool' });

  test('not a number there, in what flows back neither', async () => {
    const one = t.tensor([1, 1, 1, 1]);
    expect(await gradientsOf((a, b) => t.where(chosen, t.mul(a!, 2), b!), nothing, one)).toEqual([
      [2, 0, 0, 2],
      [0, 1, 1, 0],
    ]);
    const spoil = (x: Tensor): Tensor =>
      t.customGradient(
        (y: Tensor) => t.mul(y, 1),
        () => nothing,
        x,
      );
    expect(await gradientsOf((x) => spoil(t.where(chosen, x!, 0)), one)).toEqual([[1, 0, 0, 4]]);
  });

  test('a function is kept where it is defined by choosing its argument', async () => {
    const root = (x: Tensor): Tensor => {
      const positive = t.greater(x, 0);
      return t.where(positive, t.sqrt(t.where(positive, x, 1)), 0);
    };
    expect(await gradientsOf((x) => root(x!), t.tensor([-1, 0, 4]))).toEqual([[0, 0, 0.25]]);
  });
});

describe('rows by number', () => {
  test('of rows set to one place only the one that stayed has a gradient', async () => {
    const [base, index] = [draws([4, 2]), i32([1, 3, 1, 9, -1])];
    const weighted = (x: Tensor): Tensor => t.mul(x, t.reshape(t.iota([8], 0, 'f32'), [4, 2]));
    expect(await gradientsOf((x, u) => weighted(t.scatterSet(x!, index, u!)), base, draws([5, 2], 2))).toEqual([
      [0, 1, 0, 0, 4, 5, 0, 0],
      [0, 0, 6, 7, 2, 3, 0, 0, 0, 0],
    ]);
    await expectGradient(
      (x, i, u) => [t.scatterSet(x!, i!, u!, { batchDims: 1 })],
      [
        draws([2, 3, 2]),
        i32([
          [2, 2],
          [0, 5],
        ]),
        draws([2, 2, 2], 2),
      ],
    );
  });

  test('a place outside is nowhere', async () => {
    expect(await gradientsOf((x) => t.gather(x!, i32([0, 7, -1, 0])), draws([3, 1]))).toEqual([[2, 0, 0]]);
    expect(await gradientsOf((x, u) => t.scatterAdd(x!, i32([7, 1]), u!), draws([2, 1]), draws([2, 1], 2))).toEqual([
      [1, 1],
      [0, 1],
    ]);
  });

  test('sorting equal elements, and along another axis', async () => {
    const weights = t.tensor([1, 10, 100]);
    expect(await gradientsOf((x) => t.mul(t.sort(x!).values, weights), t.tensor([2, 1, 2]))).toEqual([[10, 1, 100]]);
    await expectGradient((x) => [t.sort(x!, { axis: 0, descending: true }).values], [draws([5, 3])]);
  });
});

test.each([
  [1, [0], [1]],
  [9, [8], [-4]],
  [9, [1], [5]],
  [64, [63], [-1]],
  [65, [0], [3]],
])('every so many elements of %i', async (extent, starts, steps) => {
  const [start, step] = [starts[0]!, steps[0]!];
  for (const size of [0, 1, Math.floor((step > 0 ? extent - 1 - start : start) / Math.abs(step)) + 1])
    await expectGradient((x) => [t.apply1(t.sliceOp, [x!], { starts, sizes: [size], steps })], [draws([extent])]);
});

describe('sixteen bits', () => {
  test.each(['f16', 'bf16'] as const)(
    'whatever is read from %s has its gradient in single precision',
    async (dtype) => {
      const table = t.tensor(
        [
          [[1], [2]],
          [[3], [4]],
        ],
        { dtype },
      ); // [2, 2, 1]
      const f = (x: Tensor): Tensor => {
        const read = t.cast(t.gather(t.reshape(x, [4, 1]), i32([3, 3, 0])), 'f32');
        const product = t.matmul(t.ones([2, 3, 2]), x);
        const set = t.scatterSet(t.reshape(x, [4]), i32([1]), t.slice(t.reshape(x, [4]), 0, 3));
        return t.add(t.add(t.sum(t.square(read)), t.sum(product)), t.sum(t.cast(set, 'f32')));
      };
      const graph = trace((x) => [t.gradOf(f(x!), x!)], [table]);
      const [dx] = new CpuDevice().prepare(graph).run([table]);
      expect(dx!.dtype).toBe('f32');
      // 2x of each reading, three rows of each product, and one of what stayed.
      expect([...(await t.read(dx!))]).toEqual([2 + 3 + 1, 3, 3 + 1, 16 + 3 + 2]);
    },
  );
});

describe('loops', () => {
  const loop = (x: Tensor, s: Tensor, w: Tensor, count?: Tensor): Tensor[] => {
    const { carry, outputs } = t.scan({
      carry: { s, turn: i32(0), row: i32([0, 0]) },
      sequences: { x, number: t.iota([x.shape[0]!]) },
      ...(count && { count }),
      step: (before, { x: element, number }) => {
        const next = t.mul(t.add(before.s, element), t.gather(w, t.rem(number, 2)));
        const row = t.add(before.row, before.turn);
        return {
          carry: { s: next, turn: t.add(before.turn, 1), row },
          output: { y: t.mul(next, t.cast(row, 'f32')), row, late: t.greater(before.turn, 2) },
        };
      },
    });
    return [carry.s, outputs.y, outputs.row, outputs.late];
  };

  test.each([undefined, -1, 0, 1, 3, 7])(
    'with integers among what they carry, read and put out: count %s',
    async (count) => {
      await expectGradient(
        (x, s, w) => loop(x!, s!, w!, count === undefined ? undefined : i32(count)),
        [draws([4, 2]), draws([2], 2), draws([2, 2], 3)],
      );
    },
  );

  test('the count is an input', async () => {
    await expectGradient(
      (x, s, w, n) => loop(x!, s!, w!, n!),
      [draws([4, 2]), draws([2], 2), draws([2, 2], 3), i32(2)],
    );
  });

  test('one whose carry nobody reads', async () => {
    await expectGradient((x, s, w) => loop(x!, s!, w!).slice(1), [draws([3, 2]), draws([2], 2), draws([2, 2], 3)]);
  });
});

describe('sizes', () => {
  test.each([0, 1, 63, 65])('rows of %i', async (n) => {
    await expectGradient(
      (x, y) => [
        t.mul(t.exp(x!), y!),
        t.sum(x!, { axis: 1 }),
        t.sum(x!, { axis: 0 }),
        t.cumsum(x!, 1, { reverse: true }),
        t.sort(x!).values,
        t.flip(x!, 1),
        t.pad(x!, 1, 1, 2),
        t.concat([x!, t.expandDims(y!, 0)], 0),
        t.gather(y!, i32([0, 0])),
      ],
      [draws([2, n]), draws([n], 2)],
    );
  });

  test.each([0, 1, 63, 65])('products over %i', async (n) => {
    await expectGradient(
      (x, y, z) => [t.matmul(x!, y!), t.matmul(z!, x!)],
      [draws([2, n]), draws([n, 1], 2), draws([1, 2], 3)],
    );
    await expectGradient((x, y) => [t.matmul(x!, y!)], [draws([2, 1, n]), draws([2, n, 2], 2)]);
  });
});

describe('a gradient by hand', () => {
  test('leaves out what takes none, wherever it stands', async () => {
    const picked = ({ a, rows }: { a: Tensor; rows: Tensor }): Tensor =>
      t.customGradient(
        ({ a: x, index }) => t.gather(x, index),
        ({ cotangent }) => ({ a: t.mul(t.reshape(t.sum(cotangent), [1]), t.tensor([5, 6, 7])), index: undefined }),
        { a, index: rows },
      );
    expect(await gradientsOf((a) => picked({ a: a!, rows: i32([2, 0]) }), draws([3]))).toEqual([[10, 12, 14]]);
  });

  test('of the wrong shape is refused', () => {
    const wrong = (x: Tensor): Tensor =>
      t.customGradient(
        (y: Tensor) => t.mul(y, 2),
        () => t.ones([2]),
        x,
      );
    expect(() => trace((x) => [t.grad((y: Tensor) => t.sum(wrong(y)))(x!)], [t.ones([3])])).toThrow(
      'The gradient of @tessera/tensor-core:custom-gradient is f32[2] for an input of shape [3], expected f32 of that shape.',
    );
  });
});
