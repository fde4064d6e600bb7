import { describe, expect, test } from 'vitest';
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
import { sameShape, showShape } from '../shape.ts';
import type { Shape } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { tensor } from '../tensor.ts';
import { cast } from './elementwise.ts';
import { full, ones, zeros } from './index-ops.ts';
import * as view from './view.ts';

const shapes: Shape[] = [[], [1], [65], [0], [3, 4], [1, 63], [2, 3, 5], [4, 0, 3], [2, 1, 3, 2]];

/** What `op` gets wrong, on every layout of every shape of at least `rank` axes. */
async function mistakes(
  rank: number,
  op: (x: Tensor) => Tensor,
  reference: (x: Nested) => Nested,
  among: readonly Shape[] = shapes,
): Promise<string[]> {
  const found: string[] = [];
  for (const shape of among.filter((each) => each.length >= rank)) {
    const x = reals(shape, 1);
    const expected = reference(x);
    for (const [layout, input] of layouts(x)) {
      const made = op(input);
      const same =
        sameShape(made.shape, expected.shape) && deviations(await values(made), flat(expected), 0).length === 0;
      if (!same) found.push(`${layout} ${showShape(shape)}`);
    }
  }
  return found;
}

describe('reshape', () => {
  const cases: [Shape, Shape][] = [
    [[], [1, 1]],
    [[6], [2, 3]],
    [[2, 3, 5], [30]],
    [
      [2, 3, 5],
      [5, 6],
    ],
    [
      [2, 3, 5],
      [1, 2, 15, 1],
    ],
    [
      [2, 1, 3],
      [3, 2],
    ],
    [
      [0, 4],
      [2, 0, 7],
    ],
    [[65], [5, 13]],
  ];
  test.each(cases)('%j to %j keeps the row-major order, however the input lies', async (from, to) => {
    const x = reals(from, 2);
    for (const [, input] of layouts(x)) {
      const made = view.reshape(input, to);
      expect(made.shape).toEqual(to);
      expect(await values(made)).toEqual(flat(x));
    }
  });

  test('computes one extent given as −1', () => {
    expect(view.reshape(zeros([4, 6]), [3, -1]).shape).toEqual([3, 8]);
    expect(view.reshape(zeros([0, 6]), [-1, 2]).shape).toEqual([0, 2]);
    expect(view.reshape(zeros([4]), [-1]).shape).toEqual([4]);
  });
});

describe('views', () => {
  test('permute puts each axis in its place', async () => {
    expect(
      await mistakes(
        3,
        (x) => view.permute(x, [2, 0, 1, 3].slice(0, x.rank)),
        (x) => ({
          shape: [2, 0, 1, 3].slice(0, x.shape.length).map((axis) => x.shape[axis]!),
          at: (...i) => x.at(i[1]!, i[2]!, i[0]!, ...i.slice(3)),
        }),
      ),
    ).toEqual([]);
  });

  test('transpose swaps any two axes', async () => {
    expect(
      await mistakes(
        2,
        (x) => view.transpose(x),
        (x) => ({
          shape: [...x.shape.slice(0, -2), x.shape.at(-1)!, x.shape.at(-2)!],
          at: (...i) => x.at(...i.slice(0, -2), i.at(-1)!, i.at(-2)!),
        }),
      ),
    ).toEqual([]);
    expect(
      await mistakes(
        3,
        (x) => view.transpose(x, 0, 2),
        (x) => ({
          shape: [x.shape[2]!, x.shape[1]!, x.shape[0]!, ...x.shape.slice(3)],
          at: (...i) => x.at(i[2]!, i[1]!, i[0]!, ...i.slice(3)),
        }),
      ),
    ).toEqual([]);
  });

  test('broadcastTo stretches axes of extent 1 and adds axes in front', async () => {
    const cases: [Shape, Shape][] = [[[], [2, 3]], [[1, 3], [4, 2, 3]], [[2, 1], [2, 5]], [[1], [0]], [[3], [3]]]; // prettier-ignore
    for (const [from, to] of cases)
      expect(
        await mistakes(
          0,
          (x) => view.broadcastTo(x, to),
          (x) => stretched(x, to),
          [from],
        ),
      ).toEqual([]);
  });

  test('slice takes a part of any axis', async () => {
    for (const axis of [0, -1])
      expect(
        await mistakes(
          1,
          (x) => view.slice(x, axis, 1, -1),
          (x) => {
            const at = axis < 0 ? x.shape.length - 1 : 0;
            return {
              shape: x.shape.with(at, Math.max(0, x.shape[at]! - 2)),
              at: (...i) => x.at(...i.with(at, i[at]! + 1)),
            };
          },
        ),
      ).toEqual([]);
  });

  test('slice clips to the extent', () => {
    const x = zeros([5]);
    const extents = [[0, 9], [-2, undefined], [3, 1], [7, 9], [-9, 2], [5, 5]].map(
      ([start, stop]) => view.slice(x, 0, start!, stop).shape[0],
    ); // prettier-ignore
    expect(extents).toEqual([5, 2, 0, 0, 2, 0]);
    expect(view.slice(x, 0, 0)).toBe(x);
  });

  test('at takes one element of an axis, which goes away', async () => {
    const filled = shapes.filter((shape) => !shape.includes(0));
    expect(await mistakes(1, (x) => view.at(x, 0, -1), (x) => ({
      shape: x.shape.slice(1),
      at: (...i) => x.at(x.shape[0]! - 1, ...i),
    }), filled)).toEqual([]); // prettier-ignore
    expect(await mistakes(1, (x) => view.at(x, -1, 0), (x) => ({
      shape: x.shape.slice(0, -1),
      at: (...i) => x.at(...i, 0),
    }), filled)).toEqual([]); // prettier-ignore
  });

  test('flip reverses one axis', async () => {
    expect(
      await mistakes(
        1,
        (x) => view.flip(x, -1),
        (x) => ({
          shape: x.shape,
          at: (...i) => x.at(...i.with(-1, x.shape.at(-1)! - 1 - i.at(-1)!)),
        }),
      ),
    ).toEqual([]);
  });

  test('expandDims and squeeze are inverse', async () => {
    expect(
      await mistakes(
        0,
        (x) => view.squeeze(view.expandDims(x, -1), -1),
        (x) => x,
      ),
    ).toEqual([]);
    expect(view.expandDims(zeros([2, 3]), 1).shape).toEqual([2, 1, 3]);
    expect(view.expandDims(zeros([2, 3]), -1).shape).toEqual([2, 3, 1]);
  });

  test('views of views of one constant do not disturb each other', async () => {
    const x = constant(reals([4, 6], 3));
    const part = view.slice(view.transpose(x), 0, 1, 5);
    const sum = view.concat([view.flip(part, 1), view.reshape(part, [4, 4])], 0);
    const source = reals([4, 6], 3);
    const turned = nested([4, 4], (i, j) => source.at(j, i + 1));
    expect(await values(sum)).toEqual([...flat(nested([4, 4], (i, j) => turned.at(i, 3 - j))), ...flat(turned)]);
  });
});

describe('pad, concat, stack and split', () => {
  test('pad puts a constant around any axis', async () => {
    expect(
      await mistakes(
        1,
        (x) => view.pad(view.pad(x, 0, 2, 1, -3), -1, 0, 3, 5),
        (x) => {
          const last = x.shape.length - 1;
          const inner = x.shape.with(0, x.shape[0]! + 3);
          const outer = inner.with(last, inner[last]! + 3);
          return nested(outer, (...i) => {
            if (i[last]! >= inner[last]!) return 5;
            const from = i.with(0, i[0]! - 2);
            return from[0]! < 0 || from[0]! >= x.shape[0]! ? -3 : x.at(...from);
          });
        },
      ),
    ).toEqual([]);
  });

  test('pad writes numbers, not bits, into 16-bit tensors', async () => {
    for (const dtype of ['f16', 'bf16'] as const)
      expect(await values(cast(view.pad(tensor([2], { dtype }), 0, 1, 1, -0.5), 'f32'))).toEqual([-0.5, 2, -0.5]);
    expect(await values(view.pad(tensor([0], { dtype: 'bool' }), 0, 1, 1, 3))).toEqual([1, 0, 1]);
  });

  test('pads of ∞, −∞ and NaN are different nodes of a graph', async () => {
    const x = tensor([1]);
    const both = view.concat(
      [Infinity, -Infinity, Number.NaN].map((value) => view.pad(x, 0, 0, 1, value)),
      0,
    );
    expect(await values(both)).toEqual([1, Infinity, 1, -Infinity, 1, Number.NaN]);
  });

  test('concat joins along any axis, parts of extent 0 included', async () => {
    for (const axis of [0, 1, -1]) {
      const at = (axis + 3) % 3;
      const parts = [2, 0, 3].map((extent, i) => reals([2, 3, 4].with(at, extent), i + 4));
      const expected = nested([2, 3, 4].with(at, 5), (...i) =>
        i[at]! < 2 ? parts[0]!.at(...i) : parts[2]!.at(...i.with(at, i[at]! - 2)),
      );
      for (let layout = 0; layout < 2; layout++) {
        const inputs = parts.map((part) => layouts(part)[layout]![1]);
        expect(await values(view.concat(inputs, axis))).toEqual(flat(expected));
        expect(await values(view.concat(view.split(view.concat(inputs, axis), axis, [1, 4]), axis))).toEqual(
          flat(expected),
        );
      }
    }
  });

  test('stack puts tensors along a new axis', async () => {
    const [a, b] = [reals([2, 3], 7), reals([2, 3], 8)];
    for (const axis of [0, 1, 2, -1]) {
      const at = axis < 0 ? 2 : axis;
      const expected = nested([2, 3].toSpliced(at, 0, 2), (...i) => (i[at] === 0 ? a : b).at(...i.toSpliced(at, 1)));
      const made = view.stack([constant(a), constant(b)], axis);
      expect(made.shape).toEqual(expected.shape);
      expect(await values(made)).toEqual(flat(expected));
    }
  });

  test('all of it works on integers and on 16 bits', async () => {
    const x = integers([2, 3], 9, 0, 9);
    for (const dtype of ['i32', 'u32', 'f16', 'bf16'] as const) {
      const joined = view.concat(view.split(view.flip(view.transpose(constant(x, dtype)), 0), 0, [1, 2]), 0);
      expect(joined.dtype).toBe(dtype);
      expect(await values(cast(view.reshape(joined, [6]), 'f32'))).toEqual(
        flat(nested([3, 2], (i, j) => x.at(j, 2 - i))),
      );
    }
  });
});

describe('constants', () => {
  test('zeros, ones and full have any element type', async () => {
    for (const dtype of ['f32', 'i32', 'u32', 'bool', 'f16', 'bf16'] as const) {
      expect(await values(cast(ones([2, 2], dtype), 'f32'))).toEqual([1, 1, 1, 1]);
      expect(await values(cast(zeros([3], dtype), 'f32'))).toEqual([0, 0, 0]);
    }
    expect(await values(full([2], -1.5))).toEqual([-1.5, -1.5]);
    expect(await values(zeros([0]))).toEqual([]);
  });
});

describe('errors name the op, the shapes and the mend', () => {
  const x = zeros([2, 3]);
  const cases: [string, () => unknown, string][] = [
    ['reshape', () => view.reshape(x, [4]), 'reshape: [2, 3] has 6 elements, [4] needs 4.'],
    ['reshape with −1', () => view.reshape(x, [4, -1]), 'reshape: [2, 3] does not divide into [4, -1].'],
    [
      'reshape to no shape',
      () => view.reshape(x, [-1, -6]),
      'reshape: [-1, -6] is no shape: extents are whole numbers from 0.',
    ],
    ['permute', () => view.permute(x, [0, 0]), 'permute: [0, 0] does not name each axis of [2, 3] once.'],
    ['transpose', () => view.transpose(zeros([2])), 'transpose: axis -2 does not exist in a tensor of 1 axes.'],
    ['broadcastTo', () => view.broadcastTo(x, [3, 3]), 'broadcastTo: shapes [2, 3] and [3, 3] do not broadcast'],
    ['broadcastTo a smaller shape', () => view.broadcastTo(x, [3]), 'broadcastTo: [2, 3] does not stretch to [3].'],
    ['zeros of no shape', () => zeros([-1]), 'broadcastTo: [-1] is no shape: extents are whole numbers from 0.'],
    ['squeeze', () => view.squeeze(x, 1), 'squeeze: axis 1 of [2, 3] has extent 3, expected 1.'],
    ['squeeze of nothing', () => view.squeeze(zeros([0, 5]), 1), 'squeeze: axis 1 of [0, 5] has extent 5, expected 1.'],
    ['at', () => view.at(x, 0, 2), 'at: axis 0 of [2, 3] has no element 2.'],
    ['at from the end', () => view.at(x, -1, -4), 'at: axis 1 of [2, 3] has no element -4.'],
    ['pad', () => view.pad(x, 0, -1, 0), 'pad: [-1, 0, 0, 0] is no shape: extents are whole numbers from 0.'],
    ['concat of nothing', () => view.concat([], 0), 'concat: no tensors given.'],
    ['concat', () => view.concat([x, zeros([2, 4])], 0), 'concat: f32[2, 4] does not continue f32[2, 3] along axis 0.'],
    [
      'concat of types',
      () => view.concat([x, zeros([2, 3], 'i32')], 0),
      'concat: i32[2, 3] does not continue f32[2, 3] along axis 0.',
    ],
    ['split', () => view.split(x, 1, [1, 1]), 'split: parts of 1 + 1 do not fill axis 1 of [2, 3].'],
    ['slice of a missing axis', () => view.slice(x, 2, 0), 'slice: axis 2 does not exist in a tensor of 2 axes.'],
  ];
  test.each(cases)('%s', (_, run, message) => expect(run).toThrow(message));
});
