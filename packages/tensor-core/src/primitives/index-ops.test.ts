import { describe, expect, test } from 'vitest';
import { CpuDevice } from '../cpu/cpu-device.ts';
import { trace } from '../graph.ts';
import type { Nested } from '../nested.reference.ts';
import { constant, deviations, flat, integers, layouts, nested, reals, values } from '../nested.reference.ts';
import { sizeOf } from '../shape.ts';
import type { Shape } from '../shape.ts';
import { tensor } from '../tensor.ts';
import type { Tensor } from '../tensor.ts';
import { add, cast } from './elementwise.ts';
import { cumsum, gather, iota, scatterAdd, scatterSet, sort, zeros } from './index-ops.ts';
import { transpose } from './view.ts';

/** table shape, index shape, batchDims */
const cases: [Shape, Shape, number][] = [
  [[5], [3], 0],
  [[65, 3], [63], 0],
  [[5, 2, 3], [4, 2], 0],
  [[5, 4], [], 0],
  [[2, 5, 3], [2, 4], 1],
  [[2, 5], [2], 1],
  [[2, 3, 5, 2], [2, 3, 4], 2],
  [[2, 3, 5], [2, 3], 2],
  [[0, 3], [4], 0],
  [[5, 0], [4], 0],
  [[5, 3], [0], 0],
  [[1, 1], [1], 0],
];

describe('gather', () => {
  function gathered(table: Nested, index: Nested, batchDims: number): Nested {
    const rows = table.shape[batchDims]!;
    return nested([...index.shape, ...table.shape.slice(batchDims + 1)], (...i) => {
      const row = index.at(...i.slice(0, index.shape.length));
      const rest = i.slice(index.shape.length);
      return row < 0 || row >= rows ? 0 : table.at(...i.slice(0, batchDims), row, ...rest);
    });
  }

  test.each(cases)('rows of %j by %j with %i leading axes in common; outside are zeros', async (of, by, batchDims) => {
    const [table, index] = [reals(of, 1), integers(by, 2, -2, of[batchDims]! + 1)];
    const expected = gathered(table, index, batchDims);
    for (const [, t] of layouts(table))
      for (const [, i] of layouts(index, 'i32')) {
        const made = gather(t, i, { batchDims });
        expect(made.shape).toEqual(expected.shape);
        expect(await values(made)).toEqual(flat(expected));
      }
  });

  test.each(['f16', 'bf16', 'i32', 'u32', 'bool'] as const)('rows of a table in %s', async (dtype) => {
    const [table, index] = [integers([7, 3], 3, 0, 1), integers([5], 4, -1, 7)];
    for (const [, t] of layouts(table, dtype)) {
      const made = gather(t, constant(index, 'i32'));
      expect(made.dtype).toBe(dtype);
      expect(await values(cast(made, 'f32'))).toEqual(flat(gathered(table, index, 0)));
    }
  });
});

describe('scatter', () => {
  function scattered(base: Nested, index: Nested, updates: Nested, batchDims: number, mode: 'set' | 'add'): number[] {
    const result = flat(base);
    const rows = base.shape[batchDims]!;
    const size = sizeOf(base.shape.slice(batchDims + 1));
    const perBatch = sizeOf(index.shape.slice(batchDims));
    flat(index).forEach((row, element) => {
      if (row < 0 || row >= rows) return;
      for (let k = 0; k < size; k++) {
        const to = (Math.floor(element / perBatch) * rows + row) * size + k;
        const update = flat(updates)[element * size + k]!;
        result[to] = mode === 'set' ? update : result[to]! + update;
      }
    });
    return result;
  }

  test.each(cases)('into %j by %j with %i leading axes in common; outside are dropped', async (of, by, batchDims) => {
    const base = reals(of, 5);
    const updates = reals([...by, ...of.slice(batchDims + 1)], 6);
    const index = integers(by, 7, -2, of[batchDims]! + 1);
    for (const [, b] of layouts(base))
      for (const [, u] of layouts(updates)) {
        const sums = scatterAdd(b, constant(index, 'i32'), u, { batchDims });
        expect(deviations(await values(sums), scattered(base, index, updates, batchDims, 'add'))).toEqual([]);
      }
    // Of equal indices one stays, no matter which: here each row is named once.
    const perBatch = sizeOf(by.slice(batchDims));
    const distinct = nested(by, (...i) => {
      const place = [...i].slice(batchDims).reduce((at, k, axis) => at * by[batchDims + axis]! + k, 0);
      return (place * 3 + 1) % Math.max(5, perBatch);
    });
    const set = scatterSet(constant(base), constant(distinct, 'i32'), constant(updates), { batchDims });
    expect(await values(set)).toEqual(scattered(base, distinct, updates, batchDims, 'set'));
  });

  test('16-bit rows are set as they are, and not added', async () => {
    const base = tensor([[1, 2], [3, 4]], { dtype: 'bf16' }); // prettier-ignore
    const made = scatterSet(base, tensor([1], { dtype: 'i32' }), tensor([[5, 6]], { dtype: 'bf16' }));
    expect(await values(cast(made, 'f32'))).toEqual([1, 2, 5, 6]);
    expect(() => scatterAdd(base, tensor([1], { dtype: 'i32' }), tensor([[5, 6]], { dtype: 'bf16' }))).toThrow(
      'scatterAdd: takes no bf16. Cast it first.',
    );
  });

  test('a row scattered into itself is read before it is written', async () => {
    const device = new CpuDevice({ poison: true });
    const program = await device.compile(
      trace((x, index) => [scatterSet(x!, index!, x!)], [{ shape: [4], dtype: 'f32' }, { shape: [4], dtype: 'i32' }]),
      { donate: [0] },
    ); // prettier-ignore
    const x = device.upload(Float32Array.of(1, 2, 3, 4), { shape: [4], dtype: 'f32' });
    const owned = (await device.compile(trace((t) => [add(t!, 0)], [{ shape: [4], dtype: 'f32' }]))).run([x])[0]!;
    const [made] = program.run([owned, tensor([1, 2, 3, 0], { dtype: 'i32' })]);
    expect(await values(made!)).toEqual([4, 1, 2, 3]);
  });
});

describe('iota', () => {
  test('counts along any axis', async () => {
    for (const shape of [[5], [2, 3], [2, 1, 4], [0, 3], [65]])
      for (const [axis] of shape.entries()) {
        const made = iota(shape, axis);
        expect(made.dtype).toBe('i32');
        expect(await values(made)).toEqual(flat(nested(shape, (...i) => i[axis]!)));
        expect(await values(transpose(iota(shape, axis, 'f32'), 0, -1))).toHaveLength(sizeOf(shape));
      }
  });
});

describe('cumsum', () => {
  test('sums along any axis, both ways, with and without the own element', async () => {
    for (const shape of [[1], [65], [0], [3, 5], [2, 63], [2, 3, 4]])
      for (const [axis] of shape.entries())
        for (const reverse of [false, true])
          for (const exclusive of [false, true]) {
            const x = reals(shape, 8);
            const expected = nested(shape, (...i) => {
              let sum = 0;
              for (let k = 0; k < shape[axis]!; k++) {
                const before = reverse ? k > i[axis]! : k < i[axis]!;
                if (before || (k === i[axis] && !exclusive)) sum += x.at(...i.with(axis, k));
              }
              return sum;
            });
            for (const [, input] of layouts(x))
              expect(deviations(await values(cumsum(input, axis, { reverse, exclusive })), flat(expected))).toEqual([]);
          }
  });

  test('of integers wraps', async () => {
    expect(await values(cumsum(tensor([2147483647, 1, 5], { dtype: 'i32' }), 0))).toEqual([
      2147483647, -2147483648, -2147483643,
    ]);
  });
});

describe('sort', () => {
  test('is stable along any axis, ascending and descending', async () => {
    for (const shape of [[1], [65], [0], [4, 7], [3, 2, 5]])
      for (const [axis] of shape.entries())
        for (const descending of [false, true]) {
          const x = integers(shape, 9, -2, 2); // many equal ones
          const order = nested(shape, (...i) => {
            const row = Array.from({ length: shape[axis]! }, (_, k) => x.at(...i.with(axis, k)));
            const places = row.map((_, k) => k).sort((a, b) => (descending ? row[b]! - row[a]! : row[a]! - row[b]!));
            return places[i[axis]!]!;
          });
          for (const [, input] of layouts(x)) {
            const made = sort(input, { axis, descending });
            expect(made.indices.dtype).toBe('i32');
            expect(await values(made.indices)).toEqual(flat(order));
            const sorted = nested(shape, (...i) => x.at(...i.with(axis, order.at(...i))));
            expect(await values(made.values)).toEqual(flat(sorted));
          }
        }
  });

  test('puts infinities at the ends, and keeps integers', async () => {
    const made = sort(tensor([1, Infinity, -Infinity, Infinity, 0, -Infinity]));
    expect(await values(made.values)).toEqual([-Infinity, -Infinity, 0, 1, Infinity, Infinity]);
    expect(await values(made.indices)).toEqual([2, 5, 4, 0, 1, 3]);
    const words = sort(tensor([4294967295, 0, 7], { dtype: 'u32' }), { descending: true });
    expect(await values(words.values)).toEqual([4294967295, 7, 0]);
    const signed = sort(tensor([2147483647, -2147483648, 0], { dtype: 'i32' }));
    expect(await values(signed.values)).toEqual([-2147483648, 0, 2147483647]);
  });
});

describe('errors', () => {
  const x = zeros([2, 3]);
  const index = (shape: Shape): Tensor => zeros(shape, 'i32');
  const wrong: [string, () => unknown, string][] = [
    ['a float index', () => gather(x, zeros([2])), 'gather: the index is f32, expected i32. Cast it.'],
    [
      'other batches',
      () => gather(x, index([3]), { batchDims: 1 }),
      'gather: table [2, 3] and index [3] do not share 1 leading axes.',
    ],
    [
      'no row axis',
      () => gather(x, index([2, 3]), { batchDims: 2 }),
      'gather: table [2, 3] and index [2, 3] do not share 2 leading axes.',
    ],
    [
      'other updates',
      () => scatterSet(x, index([4]), zeros([4, 2])),
      'scatter: updates are f32[4, 2], expected f32[4, 3].',
    ],
    [
      'updates of a type',
      () => scatterSet(x, index([1]), index([1, 3])),
      'scatter: updates are i32[1, 3], expected f32[1, 3].',
    ],
    ['cumsum of bools', () => cumsum(zeros([2], 'bool'), 0), 'cumsum: takes no bool. Cast it first.'],
    ['sort of 16 bits', () => sort(zeros([2], 'f16')), 'sort: takes no f16. Cast it first.'],
    ['iota of 16 bits', () => iota([2], 0, 'bf16'), 'iota: takes no bf16. Cast it first.'],
    ['iota of a scalar', () => iota([], 0), 'iota: axis 0 does not exist in a tensor of 0 axes.'],
  ];
  test.each(wrong)('%s', (_, run, message) => expect(run).toThrow(message));
});
