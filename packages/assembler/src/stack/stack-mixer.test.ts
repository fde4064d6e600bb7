import type { AnyMixer, FeedForward, LayerSpec, MixerFactory, Norm } from '@tessera/plugin';
import { constant, defineMixer, fields } from '@tessera/plugin';
import { describeMixer } from '@tessera/plugin-testing';
import {
  add,
  fromHost,
  iota,
  mul,
  randomKey,
  randomUniform,
  read,
  readNumber,
  tensor,
  zeros,
} from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import { describe, expect, test } from 'vitest';
import { Registry } from '../registry.ts';
import { families, hybridLayers, hybridSpec } from '../test-models.test-data.ts';
import { resolveSpec } from './resolve.ts';
import { stackMixer } from './stack-mixer.ts';

type Nothing = Record<never, never>;

/** Adds what an earlier layer gave. */
const follower: MixerFactory<Nothing, Nothing, Nothing> = defineMixer({
  contract: 'sequence-mixer/1',
  name: 'toys:follower',
  config: fields<Nothing>({}, { default: {} }),
  params: () => ({}),
  reads: { earlier: 'positions' },
  forward: ({ x, links }) => ({ y: add(x, links!['earlier']!), aux: tensor(3) }),
  decoding: {
    trees: true,
    memory: () => ({ growth: 'constant', bytes: 0 }),
    init: () => ({}),
    step: ({ x, links, state }) => ({ y: add(x, links!['earlier']!), state }),
  },
});

/** Gives what it read on, doubled. */
const leader: MixerFactory<Nothing, Nothing, Nothing> = defineMixer({
  contract: 'sequence-mixer/1',
  name: 'toys:leader',
  config: fields<Nothing>({}, { default: {} }),
  params: () => ({}),
  forward: ({ x }) => ({ y: x, links: { doubled: mul(x, 2) }, aux: tensor(4) }),
  decoding: {
    trees: true,
    memory: () => ({ growth: 'constant', bytes: 0 }),
    init: () => ({}),
    step: ({ x, state }) => ({ y: x, links: { doubled: mul(x, 2) }, state }),
  },
});

/** Gives random numbers. */
const noise: FeedForward<Nothing, Nothing> = {
  contract: 'feed-forward/1',
  name: 'toys:noise',
  config: fields<Nothing>({}, { default: {} }),
  params: () => ({}),
  forward: ({ x, random }) => ({ y: random ? randomUniform(random, x.shape) : zeros(x.shape), aux: tensor(5) }),
};

/** Multiplies by its weight. */
const scaling: Norm<{ by: number }, { weight: Tensor }> = {
  contract: 'norm/1',
  name: 'toys:scaling',
  config: fields<{ by: number }>({ by: { optional: false, jsonSchema: {}, read: (value) => value as number } }),
  params: ({ dModel }) => ({ weight: { shape: [dModel], init: constant(1) } }),
  forward: ({ x, config }) => mul(x, config.by),
};

const registry = new Registry([
  ...families,
  {
    contract: 'plugin/1',
    name: 'toys',
    mixers: [follower, leader],
    feedForwards: [noise],
    norms: [scaling],
  },
]);

function stackOf(layers: readonly LayerSpec[], dModel = 12): AnyMixer {
  return stackMixer(resolveSpec({ ...hybridSpec, dModel, layers }, registry).layers);
}

async function forward(
  layers: readonly LayerSpec[],
  values: readonly number[],
  random?: Tensor,
): Promise<{ y: number[]; aux: number | undefined }> {
  const D = values.length;
  const { y, aux } = stackOf(layers, D).forward({
    params: {},
    config: {},
    x: tensor([[[...values]]]),
    positions: iota([1, 1]),
    starts: zeros([1], 'i32'),
    lengths: fromHost(Int32Array.of(1), [1]),
    ...(random && { random }),
  });
  return { y: Array.from(await read(y)), aux: aux && (await readNumber(aux)) };
}

describe('a hybrid of four kinds of layers, as one mixer', () => {
  // The stack refuses packed documents because two of its layers do.
  describeMixer(stackOf(hybridLayers), {}, 12, { test });
});

describe('a stack in which a layer reads an earlier one across a recurrence, as one mixer', () => {
  const link = { input: 'earlier', layer: 0, output: 'doubled' };
  const layers = [
    { mixer: { type: 'toys:leader' } },
    hybridLayers[0]!,
    { mixer: { type: 'toys:follower', links: [link] } },
  ];
  describeMixer(stackOf(layers), {}, 12, { test });
});

const scaled = (by: number): { type: string; config: { by: number } } => ({ type: 'toys:scaling', config: { by } });

test('norms stand where the spec says, and a parallel layer reads its input twice', async () => {
  const mixer = { type: 'toys:leader' };
  const feedForward = { type: '@tessera/feedforward:dense', config: { hidden: 1 } };
  const none = { ...(await forward([{ mixer }], [1])) };
  expect(none.y).toEqual([2]);
  expect((await forward([{ mixer, mixerNorm: scaled(10) }], [1])).y).toEqual([11]);
  expect((await forward([{ mixer, mixerNorm: scaled(10), mixerOutputNorm: scaled(2) }], [1])).y).toEqual([21]);
  expect((await forward([{ mixer, residualMultiplier: 0.5 }], [1])).y).toEqual([1.5]);
  expect((await forward([{ mixer }, { mixer }], [1])).y).toEqual([4]);
  // What is added to is what the norm gave: 10 + 10, and 3 · 10 + 0.5 · 2 · 10.
  const normed = { mixer, mixerNorm: scaled(10), residual: 'normed' } as const;
  expect((await forward([normed], [1])).y).toEqual([20]);
  const factors = { mixerFactors: { kept: 3, added: 2 }, residualMultiplier: 0.5 };
  expect((await forward([{ ...normed, ...factors }], [1])).y).toEqual([40]);
  const twice = stackOf([{ mixer, feedForward, residual: 'parallel', feedForwardNorm: scaled(3) }], 1);
  const sequential = stackOf([{ mixer, feedForward, feedForwardNorm: scaled(3) }], 1);
  const params = {
    '0.feedForward.up_proj': tensor([[1]]),
    '0.feedForward.up_bias': tensor([0]),
    '0.feedForward.down_proj': tensor([[1]]),
    '0.feedForward.down_bias': tensor([0]),
  };
  const call = {
    params,
    config: {},
    x: tensor([[[100]]]),
    positions: iota([1, 1]),
    starts: zeros([1], 'i32'),
    lengths: fromHost(Int32Array.of(1), [1]),
  };
  // 100 + mixer(100) + 3 · 100, and 200 + 3 · 200
  expect(await readNumber(twice.forward(call).y)).toBeCloseTo(500, 3);
  expect(await readNumber(sequential.forward(call).y)).toBeCloseTo(800, 3);
});

test('what a layer gives reaches the layer that reads it', async () => {
  const link = { input: 'earlier', layer: 0, output: 'doubled' };
  const { y } = await forward(
    [{ mixer: { type: 'toys:leader' } }, { mixer: { type: 'toys:follower', links: [link] } }],
    [1],
  );
  expect(y).toEqual([2 + 2 + 2]); // x = 2 after the first layer; the second adds 2 + doubled 2
});

test('auxiliary losses of mixers and feed-forwards are summed', async () => {
  const { aux } = await forward(
    [{ mixer: { type: 'toys:leader' }, feedForward: { type: 'toys:noise' } }, { feedForward: { type: 'toys:noise' } }],
    [1],
  );
  expect(aux).toBe(4 + 5 + 5);
  expect((await forward([{ mixerNorm: scaled(2) }], [1])).aux).toBeUndefined();
});

test('each part draws random numbers of its own, the same for the same key', async () => {
  const layers = [{ feedForward: { type: 'toys:noise' } }, { feedForward: { type: 'toys:noise' } }];
  const of = async (count: number, seed: number): Promise<number> =>
    (await forward(layers.slice(0, count), [0], randomKey(seed))).y[0]!;
  const first = await of(1, 7);
  const both = await of(2, 7);
  expect(both - first).not.toBeCloseTo(first, 3);
  expect(await of(2, 7)).toBe(both);
  expect(await of(2, 8)).not.toBe(both);
});

test('a stack without a layer that remembers has no state', () => {
  const { decoding } = stackOf([{ feedForward: { type: 'toys:noise' } }]);
  const site = { config: {}, dModel: 12, layer: 0, layers: 1, batch: 1, capacity: 8, chunk: 8 };
  expect(decoding!.memory(site)).toEqual({ growth: 'constant', bytes: 0 });
});

test('a stack with an encoder has no decoding', () => {
  const encoder = { mixer: { type: '@tessera/attention-softmax:bidirectional-attention', config: { heads: 2 } } };
  expect(stackOf([...hybridLayers, encoder]).decoding).toBeUndefined();
});
