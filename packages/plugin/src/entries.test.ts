import type { Tensor } from '@tessera/tensor-core';
import { fromHost, read, zeros } from '@tessera/tensor-core';
import { expect, test } from 'vitest';
import { chainOf, entriesOf } from './entries.ts';

const ints = (values: readonly number[]): Tensor => fromHost(Int32Array.from(values), [1, values.length]);
const row = (value: number): Tensor => fromHost(Int32Array.of(value), [1]);

test('nodes of a tree that are said to be of several documents are refused', () => {
  const both = { starts: row(0), lengths: row(3), segments: ints([0, 0, 1]), parents: ints([-1, 0, 0]) };
  expect(() => entriesOf(both, 3, 'a-package:mixer')).toThrow(
    'a-package:mixer: a step over a tree was given segments, and all nodes of a tree are of one document. Give either parents or segments.',
  );
});

test('parents are counted from the first entry of a row', async () => {
  const parents = fromHost(Int32Array.of(9, 9, -1, 2, 2, 4), [1, 6]);
  const { parents: own, valid } = entriesOf({ starts: row(2), lengths: row(4), parents }, 6, 'x:y');
  expect([...(await read(own!))]).toEqual([-1, 0, 0, 2, -1, -1]);
  expect([...(await read(valid))]).toEqual([1, 1, 1, 1, 0, 0]);
});

test('a single entry stays where it is', async () => {
  const { valid, align, parents, documents } = entriesOf(
    { starts: row(0), lengths: row(0), segments: ints([3]) },
    1,
    'x:y',
  );
  const x = zeros([1, 1, 2]);
  expect(align(x)).toBe(x);
  expect([...(await read(valid))]).toEqual([0]);
  expect([parents, documents]).toEqual([undefined, undefined]);
});

test('packed documents are numbered from the one that the state belongs to, and padding begins none', async () => {
  const segments = ints([9, 4, 4, 7, 7, 0]);
  const { documents } = entriesOf({ starts: row(1), lengths: row(4), segments }, 6, 'x:y');
  expect([...(await read(documents!.begins))]).toEqual([0, 0, 1, 0, 0, 0]);
  expect([...(await read(documents!.index))]).toEqual([0, 0, 1, 1, 1, 1]);
});

test('what a commit reads once more is a chain', async () => {
  const { valid, documents, parents } = chainOf(row(2), 3);
  expect([...(await read(valid))]).toEqual([1, 1, 0]);
  expect([documents, parents]).toEqual([undefined, undefined]);
});
