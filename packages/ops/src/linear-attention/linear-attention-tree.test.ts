import { fromHost, read } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import { describe, expect, test } from 'vitest';
import { ancestors } from '../ancestors.ts';
import { dense, differences } from '../array.reference.ts';
import { constants, entries, nameOf, operands, variants } from './linear-attention-cases.test-support.ts';
import { linearAttentionRecurrent } from './linear-attention-recurrent.ts';
import { linearAttentionReference } from './linear-attention.reference.ts';
import { commitPath, linearAttentionTree } from './linear-attention-tree.ts';

const trees: readonly (readonly [string, readonly number[]])[] = [
  ['a chain', [-1, 0, 1, 2, 3, 4]],
  ['one node', [-1]],
  ['roots alone', [-1, -1, -1]],
  ['a tree', [-1, 0, 0, 1, 1, 2, 3, 6, 5, 0]],
  ['two trees, their nodes by turns', [-1, -1, 0, 1, 2, 2, 3, 1, 6]],
];

const parentsOf = (parents: readonly number[], B: number): Tensor =>
  fromHost(
    Int32Array.from({ length: B * parents.length }, (_, i) => parents[i % parents.length]!),
    [B, parents.length],
  );

/** The nodes from the root to one. */
function pathTo(node: number, parents: readonly number[]): number[] {
  return node < 0 ? [] : [...pathTo(parents[node]!, parents), node];
}

describe.each(variants.map((variant) => [nameOf(variant), variant] as const))('%s', (_, variant) => {
  test.each(trees)('%s: every node is what its path is alone', async (_name, parents) => {
    const call = operands(parents.length, variant, { B: 2 });
    const { o } = linearAttentionReference({ ...call, parents });
    const build = (): Tensor[] => [
      linearAttentionTree({ ...constants(call), ancestors: ancestors(parentsOf(parents, 2)) }),
    ];
    expect(await differences(build, [o], { single: 1e-5 })).toEqual([]);
  });

  test.skipIf(variant.decay === 'none')('a node that empties the state does so for those below it alone', async () => {
    const parents = [-1, 0, 0, 1, 2, 3];
    const call = operands(6, variant);
    const row = call.g!.data.length / 6;
    const g = dense(call.g!.shape, (place) => (Math.floor(place / row) === 1 ? -Infinity : call.g!.data[place]!));
    const { o } = linearAttentionReference({ ...call, g, parents });
    const build = (): Tensor[] => [
      linearAttentionTree({ ...constants({ ...call, g }), ancestors: ancestors(parentsOf(parents, 1)) }),
    ];
    expect(await differences(build, [o], { single: 1e-5 })).toEqual([]);
  });

  test('the state after an accepted path is that after decoding it, each row its own', async () => {
    const parents = [-1, 0, 0, 1, 1, 2, 3, 6, 5, 0];
    const call = operands(parents.length, variant, { B: 2 });
    const { states } = linearAttentionReference({ ...call, parents });
    for (const accepted of [
      [7, 8],
      [4, -1],
      [0, 5],
    ] as const) {
      const paths = accepted.map((node) => pathTo(node, parents));
      const path = fromHost(
        Int32Array.from({ length: 12 }, (_, i) => paths[Math.floor(i / 6)]![i % 6] ?? 9),
        [2, 6],
      );
      const count = fromHost(
        Int32Array.from(paths, ({ length }) => length),
        [2],
      );
      const size = call.S.data.length / 2;
      const expected = dense(call.S.shape, (place) => {
        const b = Math.floor(place / size);
        const node = accepted[b]!;
        return node < 0 ? call.S.data[place]! : states.data[(b * parents.length + node) * size + (place % size)]!;
      });
      expect(
        await differences(() => [commitPath({ ...constants(call), path, count })], [expected], { single: 1e-5 }),
      ).toEqual([]);
    }
  });

  test('an accepted part of a chain leaves the state that decoding it leaves', async () => {
    const call = operands(7, variant);
    for (const accepted of [0, 1, 4, 7]) {
      const path = fromHost(
        Int32Array.from({ length: 7 }, (_row, i) => i),
        [1, 7],
      );
      const after = commitPath({ ...constants(call), path, count: fromHost(Int32Array.of(accepted), [1]) });
      let { S } = constants(call);
      for (let t = 0; t < accepted; t++) S = linearAttentionRecurrent({ ...constants(entries(call, t, t + 1)), S }).S;
      const [got, want] = [await read(after), await read(S)];
      for (const [place, value] of want.entries()) expect(got[place]).toBeCloseTo(value, 6);
    }
  });
});

test('ancestors of another shape are refused', () => {
  const call = constants(operands(3, variants[0]!));
  expect(() => linearAttentionTree({ ...call, ancestors: ancestors(parentsOf([-1, 0], 1)) })).toThrow(
    'linearAttentionTree: ancestors are bool[1, 2, 2], expected bool[1, 3, 3].',
  );
});
