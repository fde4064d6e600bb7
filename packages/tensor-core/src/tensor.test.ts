import { describe, expect, test } from 'vitest';
import { read, readNumber } from './evaluate.ts';
import { values } from './nested.reference.ts';
import { add, cast } from './primitives/elementwise.ts';
import { fromHost, isTensor, placeholder, tensor } from './tensor.ts';
import type { HostArray } from './dtype.ts';

describe('tensor', () => {
  test('takes its shape from nested lists', async () => {
    expect(tensor(5).shape).toEqual([]);
    expect(tensor([]).shape).toEqual([0]);
    expect(tensor([[], []]).shape).toEqual([2, 0]);
    const x = tensor([[1, 2, 3], [4, 5, 6]]); // prettier-ignore
    expect([x.shape, x.rank, x.size, x.dtype]).toEqual([[2, 3], 2, 6, 'f32']);
    expect(await values(x)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(tensor([1, 2, 3, 4], { shape: [2, 2] }).shape).toEqual([2, 2]);
  });

  test('takes its element type from a typed array, or as it is told', async () => {
    const arrays: [HostArray, string][] = [
      [new Float32Array(2), 'f32'],
      [new Float64Array(2), 'f32'],
      [new Int32Array(2), 'i32'],
      [new Uint32Array(2), 'u32'],
      [new Uint8Array(2), 'bool'],
    ];
    for (const [array, dtype] of arrays) expect(tensor(array).dtype).toBe(dtype);
    expect(tensor(new Float32Array(6), { shape: [2, 3] }).shape).toEqual([2, 3]);
    expect(await values(cast(tensor([1.5, -2], { dtype: 'bf16' }), 'f32'))).toEqual([1.5, -2]);
    expect(await values(tensor([1.9, -2.9], { dtype: 'i32' }))).toEqual([1, -2]);
  });

  test('is recognized by its mark', () => {
    expect([tensor(1), placeholder({ shape: [], dtype: 'f32' }), { shape: [] }, null, 3].map(isTensor)).toEqual([
      true, true, false, false, false,
    ]); // prettier-ignore
  });

  const wrong: [string, () => unknown, string][] = [
    ['ragged lists', () => tensor([[1, 2], [3]]), 'tensor: the nested lists are ragged at depth 1.'],
    ['numbers beside lists', () => tensor([1, [2]]), 'tensor: the nested lists are ragged at depth 1.'],
    ['lists beside numbers', () => tensor([[1], 2]), 'tensor: the nested lists are ragged at depth 1.'],
    [
      'another number of elements',
      () => tensor([1, 2, 3], { shape: [2] }),
      'fromHost: 3 elements do not fill shape [2] (2).',
    ],
    [
      'no shape',
      () => fromHost(new Float32Array(1), [-1]),
      'fromHost: [-1] is no shape: extents are whole numbers from 0.',
    ],
    ['another array', () => fromHost(new Int32Array(1), [1], 'f32'), 'fromHost: a Int32Array cannot hold f32.'],
    ['16 bits without a type', () => tensor(new Uint16Array(1)), 'tensor: a Uint16Array needs dtype f16 or bf16.'],
  ];
  test.each(wrong)('refuses %s', (_, run, message) => expect(run).toThrow(message));

  test('using disposes at the end of the block', async () => {
    let kept;
    {
      using x = add(tensor([1]), 1);
      kept = x;
      await read(x);
    }
    await expect(read(kept)).rejects.toThrow(
      'read: the tensor was disposed, or it is an input of a graph that is still being traced.',
    );
  });
});

describe('readNumber', () => {
  test('reads one element, of any shape', async () => {
    expect(await readNumber(add(tensor([[1]]), 1))).toBe(2);
    await expect(readNumber(tensor([1, 2]))).rejects.toThrow('readNumber: the tensor has 2 elements, expected 1.');
  });
});
