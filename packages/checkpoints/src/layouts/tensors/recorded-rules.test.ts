import type { TensorRule } from '@tessera/plugin';
import { fromHost, read } from '@tessera/tensor-core';
import { expect, test } from 'vitest';
import { fromFloat32, toFloat32 } from '../../safetensors/convert.ts';
import { oursNames } from '../rule-names.ts';
import { publishedShapesOf, recordOurs, recordPublished } from './recorded-rules.ts';
import { oursShapes } from './rule-shapes.ts';
import { writePublished } from './write-published.ts';

const cases: [string, TensorRule, Record<string, number[]>][] = [
  ['a rename', { kind: 'rename', published: 'p', ours: 'a' }, { p: [3, 4] }],
  ['a transposed rename', { kind: 'rename', published: 'p', ours: 'a', transposed: true }, { p: [3, 4] }],
  ['a rename squeezed thrice', { kind: 'rename', published: 'p', ours: 'a', squeezed: [0, 1, 3] }, { p: [1, 1, 4, 1] }],
  ['a squeezed rename', { kind: 'rename', published: 'p', ours: 'a', squeezed: 1 }, { p: [3, 1, 4] }],
  ['taps with a mask', { kind: 'taps', published: 'p', ours: 'a', taps: 3, length: 5 }, { p: [4, 1, 5, 1] }],
  ['a split', { kind: 'split', published: 'p', ours: ['a', 'b'], sizes: [2, 3] }, { p: [5, 4] }],
  ['a split of blocks', { kind: 'split', published: 'p', ours: ['a', 'b'], sizes: [2, 1], blocks: 3 }, { p: [9, 2] }],
  [
    'a transposed split',
    { kind: 'split', published: 'p', ours: ['a', 'b'], sizes: [2, 3], transposed: true },
    { p: [4, 5] },
  ],
  [
    'a regroup',
    { kind: 'regroup', published: ['p', 'q'], rows: [4, 3], ours: ['a', 'b', 'c'], sizes: [1, 4, 2] },
    { p: [4, 2], q: [3, 2] },
  ],
  [
    'a regroup of stacked matrices',
    {
      kind: 'regroup',
      published: ['p', 'q'],
      rows: [5, 5],
      ours: ['a', 'b'],
      sizes: [2, 3],
      blocks: 2,
      stacked: 'ours',
    },
    { p: [5, 4], q: [5, 4] },
  ],
  [
    'a regroup of matrices that both sides stack',
    { kind: 'regroup', published: ['p'], rows: [15], ours: ['a', 'b'], sizes: [2, 3], blocks: 3, stacked: 'both' },
    { p: [3, 5, 4] },
  ],
];

test.each(cases)('%s is recorded as it is written to files, and back', async (_, rule, published) => {
  const shapes = oursShapes(rule, (name) => published[name]!);
  const ours = Object.fromEntries(
    oursNames(rule).map((name, index) => {
      const size = shapes[index]!.reduce((product, n) => product * n, 1);
      return [
        name,
        fromHost(
          Float32Array.from({ length: size }, (__, i) => 100 * index + i),
          shapes[index]!,
        ),
      ];
    }),
  );
  const recorded = recordPublished(rule, ours);
  const written = await writePublished(rule, async (name) => ({
    dtype: 'F32',
    shape: ours[name]!.shape,
    bytes: fromFloat32((await read(ours[name]!)) as Float32Array, 'F32'),
  }));
  expect(Object.keys(recorded)).toEqual([...written.keys()]);
  expect(publishedShapesOf(rule, (name) => ours[name]!.shape)).toEqual(published);
  for (const [name, { shape, bytes }] of written) {
    expect(recorded[name]!.shape).toEqual(shape);
    expect(await read(recorded[name]!)).toEqual(toFloat32(bytes, 'F32'));
  }
  for (const [name, tensor] of Object.entries(recordOurs(rule, recorded))) {
    expect(tensor.shape).toEqual(ours[name]!.shape);
    expect(await read(tensor)).toEqual(await read(ours[name]!));
  }
});
