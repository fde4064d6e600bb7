import { add, expandDims, fromHost, mul, scan, scatterSet } from '@tessera/tensor-core';
import { test } from 'vitest';
import { draws, expectSame } from './testing/compare.test-support.ts';

const count = (turns: number) => fromHost(Int32Array.of(turns), []);

test('carries that stay as they are, and that change places', async () => {
  await expectSame(
    (a, b, c) => {
      const { carry } = scan({
        carry: { a: a!, b: b!, c: c! },
        sequences: {},
        length: 3,
        step: ({ a, b, c }) => ({ carry: { a: b, b: add(a, 1), c }, output: {} }),
      });
      return [carry.a, carry.b, carry.c];
    },
    [draws([5]), draws([5], 2), draws([5], 3)],
  );
});

test.each([undefined, 2, 5])('rows are written over a carry; turns that count: %s', async (turns) => {
  await expectSame(
    (rows, values, where) => {
      const { carry } = scan({
        carry: { rows: rows! },
        sequences: { value: values!, row: where! },
        ...(turns !== undefined && { count: count(turns) }),
        step: ({ rows }, { value, row }) => ({
          carry: { rows: scatterSet(rows, expandDims(row, 0), expandDims(value, 0)) },
          output: {},
        }),
      });
      return [carry.rows];
    },
    [draws([4, 3]), draws([5, 3], 2), fromHost(Int32Array.of(0, 3, 0, 1, 2), [5])],
  );
});

test('what a loop only reads is not written over', async () => {
  await expectSame(
    (base, values, where) => {
      const made = mul(base!, 2); // a temporary outside of the loop
      const { outputs } = scan({
        carry: { last: values! },
        sequences: { row: where! },
        step: ({ last }, { row }) => ({
          carry: { last: add(last, 1) },
          output: { rows: scatterSet(made, expandDims(row, 0), expandDims(last, 0)) },
        }),
      });
      return [outputs.rows, made];
    },
    [draws([4, 3]), draws([3], 2), fromHost(Int32Array.of(2, 0, 3), [3])],
  );
});
