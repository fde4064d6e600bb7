import type { MixerFactory } from '@tessera/plugin';
import { decodingOf, runCommit, runStep, validate } from '@tessera/plugin';
import { fillTree, iota, trace, treeLeaves, zeros } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import { expect, test } from 'vitest';
import { gatedDeltaNet } from '../gated-delta-net/gated-delta-net.ts';
import { gatedDeltaProduct } from '../gated-delta-product/gated-delta-product.ts';
import { retention } from '../retention/retention.ts';
import { shortConvolution } from '../short-convolution/short-convolution.ts';

const [B, n, D] = [1, 5, 16];

// oxlint-disable-next-line typescript/no-explicit-any -- mixers of several kinds
type Any = MixerFactory<any, any, any>;

/** How often the ops of a step and its commit occur whose names end so, once what nobody reads is left out. */
function opsOf(mixer: Any, given: object, draft: boolean): Record<string, number> {
  const site = { config: validate<object>(mixer.config, given, 'config'), dModel: D, layer: 0, layers: 1 };
  const params = Object.fromEntries(
    Object.entries<{ shape: readonly number[] }>(mixer.params(site)).map(([name, { shape }]) => [name, zeros(shape)]),
  );
  const state = decodingOf(mixer).init({ ...site, params, batch: B, capacity: n, chunk: n });
  const graph = trace(
    (x, lengths, count, ...leaves) => {
      const snapshot = fillTree(state, leaves);
      const shared = { params, config: site.config, positions: iota([B, n], 1), starts: zeros([B], 'i32') };
      const made = runStep(mixer, { ...shared, x: x!, lengths: lengths!, state: snapshot, draft } as never);
      const commit = { snapshot, state: made.state, inputs: x!, outputs: made.links, path: iota([B, n], 1) };
      return [made.y, ...treeLeaves(runCommit(mixer, { ...shared, ...commit, count: count!, inOrder: true } as never))];
    },
    [
      { shape: [B, n, D], dtype: 'f32' },
      { shape: [B], dtype: 'i32' },
      { shape: [B], dtype: 'i32' },
      ...treeLeaves(state as Record<string, Tensor>).map(({ shape, dtype }) => ({ shape, dtype })),
    ],
  );
  const counted: Record<string, number> = {};
  for (const { op } of graph.nodes) counted[op.id.split(':')[1]!] = (counted[op.id.split(':')[1]!] ?? 0) + 1;
  return counted;
}

const net = { keyHeads: 2, keyDim: 8, valueDim: 8 };

test('a step that is told of its commit keeps its states, and nothing is read again', () => {
  expect(opsOf(gatedDeltaNet, net, true)).toMatchObject({ 'linear-attention-states': 1, 'short-convolutions': 1 });
  expect(opsOf(gatedDeltaNet, net, true)).not.toHaveProperty('linear-attention-recurrent');
  expect(opsOf(retention, { heads: 2, keyDim: 8, valueDim: 8 }, true)).toMatchObject({ 'linear-attention-states': 1 });
  expect(opsOf(shortConvolution, {}, true)).toMatchObject({ 'causal-convolution': 1 });
});

test('else, where states are large, and where not all of them are known, the entries are read again', () => {
  const again = { 'linear-attention-recurrent': 2, 'short-convolutions': 2 };
  expect(opsOf(gatedDeltaNet, net, false)).toMatchObject(again);
  expect(opsOf(gatedDeltaProduct, net, true)).toMatchObject(again);
  // 5 states of 2 MiB.
  expect(opsOf(gatedDeltaNet, { keyHeads: 2, keyDim: 512, valueDim: 512 }, true)).toMatchObject(again);
});
