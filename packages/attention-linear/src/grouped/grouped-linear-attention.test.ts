import { fromHost, grad, mul, sum } from '@tessera/tensor-core';
import { validate } from '@tessera/plugin';
import { describe, expect, test } from 'vitest';
import { groupedLinearAttention } from './grouped-linear-attention.ts';
import type { GroupedLinearAttentionConfig } from './grouped-linear-attention.ts';
import { groupedReference } from './grouped-linear-attention.reference.ts';
import { Layer, normals } from './grouped-layer.test-support.ts';

const D = 6;
const [H, d, w, J] = [2, 3, 4, 3];
const config: GroupedLinearAttentionConfig = { heads: H, group: w, convolution: J };
const lengths = [1, w - 1, w, w + 1, 2 * w, 3 * w + 5];

function largest(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length);
  return Array.from(a).reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);
}

/** What the sums of the paper give for the layer's own weights. */
async function written(layer: Layer, x: Float64Array, given: GroupedLinearAttentionConfig): Promise<number[]> {
  const values = Object.fromEntries(
    await Promise.all(
      Object.entries(layer.params).map(async ([name, value]) => [name, await layer.read(value)] as const),
    ),
  );
  const map = (W: Float64Array, z: readonly number[]): number[] =>
    Array.from({ length: W.length / z.length }, (_, row) => z.reduce((total, value, i) => total + W[row * z.length + i]! * value, 0)); // prettier-ignore
  const rows = Array.from({ length: x.length / D }, (_, t) => [...x.subarray(t * D, (t + 1) * D)]);
  const heads = (name: string): number[][][] =>
    rows.map((row) => {
      const y = map(values[name]!, row);
      return Array.from({ length: H }, (_, h) => y.slice(h * d, (h + 1) * d));
    });
  const taps = given.convolution ?? 32;
  const o = groupedReference(heads('q_proj'), heads('k_proj'), heads('v_proj'), {
    H,
    d,
    w: given.group ?? 64,
    omega: Array.from({ length: H }, (_, h) =>
      taps === 0 ? [] : [...values.conv!.subarray(h * taps, (h + 1) * taps)],
    ),
    alphaLocal: given.parts === 'global' ? 0 : (values.local_factor?.[0] ?? given.localFactor ?? 1),
    alphaGlobal: given.parts === 'local' ? 0 : (values.global_factor?.[0] ?? given.globalFactor ?? 1),
  });
  return o.flatMap((row) => map(values.o_proj!, row));
}

describe('grouped linear attention gives what the sums of the paper give', () => {
  test.each<[string, GroupedLinearAttentionConfig]>([
    ['as it is', config],
    ['more taps than entries', { ...config, convolution: 40 }],
    ['no convolution', { ...config, convolution: 0 }],
    ['the own group alone', { ...config, parts: 'local' }],
    ['the groups before alone', { ...config, parts: 'global' }],
    ['fixed factors', { ...config, localFactor: 0.25, globalFactor: -2 }],
    ['learned factors', { ...config, learnedFactors: 'both' }],
    ['groups of 1', { ...config, group: 1 }],
    ['a group longer than the sequence', { ...config, group: 100 }],
  ])('%s', async (_, given) => {
    const layer = await Layer.draw(groupedLinearAttention, given, D);
    for (const T of lengths) {
      const x = await normals(100 + T, [T * D]);
      expect(largest(await layer.forward(x), await written(layer, x, given)), `T = ${T}`).toBeLessThan(1e-10);
    }
  });

  test('an empty sequence gives nothing', async () => {
    const layer = await Layer.draw(groupedLinearAttention, config, D);
    expect(await layer.forward(new Float64Array(0))).toHaveLength(0);
  });
});

test('linear attention 12.1: step by step, in chunks and split at every point it gives what one pass gives', async () => {
  const T = 3 * w + 5;
  const layer = await Layer.draw(groupedLinearAttention, config, D);
  const x = await normals(7, [T * D]);
  const whole = await layer.forward(x);
  const part = (from: number, to: number): Float64Array => x.subarray(from * D, to * D);
  for (const size of [1, 2, 3, w, w + 1, 2 * w + 3, T]) {
    let state = layer.start();
    for (let from = 0; from < T; from += size) {
      const to = Math.min(T, from + size);
      const made = await layer.step(state, part(from, to), from);
      expect(largest(made.y, whole.subarray(from * D, to * D)), `steps of ${size} from ${from}`).toBeLessThan(1e-10);
      state = made.state;
    }
  }
  for (let cut = 1; cut < T; cut++) {
    const first = await layer.step(layer.start(), part(0, cut), 0);
    const second = await layer.step(first.state, part(cut, T), cut);
    expect(largest([...first.y, ...second.y], whole), `split at ${cut}`).toBeLessThan(1e-10);
  }
});

test('linear attention 12.3: groups of 1 with a factor of 1 are exclusive linear attention and a term for the own token', async () => {
  const given: GroupedLinearAttentionConfig = { ...config, group: 1, convolution: 0 };
  const far = await Layer.draw(groupedLinearAttention, { ...given, parts: 'global' }, D);
  const near = await Layer.draw(groupedLinearAttention, { ...given, parts: 'local' }, D);
  const both = await Layer.draw(groupedLinearAttention, given, D);
  const x = await normals(9, [9 * D]);
  const [a, b] = [await far.forward(x), await near.forward(x)];
  expect(largest(await both.forward(x), a.map((value, i) => value + b[i]!))).toBeLessThan(1e-12); // prettier-ignore
  // Exclusive: the first token reads nothing of its own.
  expect([...a.subarray(0, D)]).toEqual(Array.from({ length: D }, () => 0));
});

test('linear attention 12.3: with groups as long as the sequence only the own group is left', async () => {
  const x = await normals(11, [9 * D]);
  const wide = await Layer.draw(groupedLinearAttention, { ...config, group: 9 }, D);
  const local = await Layer.draw(groupedLinearAttention, { ...config, group: 9, parts: 'local' }, D);
  expect(await wide.forward(x)).toEqual(await local.forward(x));
});

describe('linear attention 12.5: no output sees what follows, to the bit', () => {
  const T = 3 * w + 2;

  async function changedAfter(t: number): Promise<[Float64Array, Float64Array]> {
    const x = await normals(21, [T * D]);
    const other = Float64Array.from(x);
    other.set(((await normals(22, [T * D])) as Float64Array).map((value) => 1e3 * value).subarray((t + 1) * D), (t + 1) * D); // prettier-ignore
    return [x, other];
  }

  test('in training', async () => {
    const layer = await Layer.draw(groupedLinearAttention, config, D);
    for (let t = 0; t < T - 1; t++) {
      const [x, other] = await changedAfter(t);
      const upTo = (y: Float64Array): Float64Array => y.subarray(0, (t + 1) * D);
      expect(upTo(await layer.forward(other)), `after ${t}`).toEqual(upTo(await layer.forward(x)));
    }
  });

  test.each([1, 2, 3, 5])('in prefill behind %i tokens, in pairs and in groups', async (before) => {
    const layer = await Layer.draw(groupedLinearAttention, config, D);
    for (const n of [w, T - before])
      for (let t = 0; t < n - 1; t++) {
        const [x, other] = await changedAfter(before + t);
        const { state } = await layer.step(layer.start(), x.subarray(0, before * D), 0);
        const y = async (row: Float64Array): Promise<Float64Array> =>
          (await layer.step(state, row.subarray(before * D, (before + n) * D), before)).y.subarray(0, (t + 1) * D);
        expect(await y(other), `after ${t} of ${n}`).toEqual(await y(x));
      }
  });

  test('in verification: a node sees neither later nodes nor other branches', async () => {
    const layer = await Layer.draw(groupedLinearAttention, config, D);
    const parents = [-1, 0, 1, 2, 3, 0, 5, 6];
    const draft = await normals(23, [parents.length * D]);
    const huge = (await normals(24, [draft.length])).map((value) => 1e3 * value);
    const { state } = await layer.step(layer.start(), await normals(25, [3 * D]), 0);
    const y = (await layer.step(state, draft, 3, parents)).y;
    const path = (node: number): number[] => (node < 0 ? [] : [...path(parents[node]!), node]);
    for (let node = 0; node < parents.length; node++) {
      const others = Float64Array.from(huge);
      for (const own of path(node)) others.set(draft.subarray(own * D, (own + 1) * D), own * D);
      const again = (await layer.step(state, others, 3, parents)).y;
      const at = (row: Float64Array): Float64Array => row.subarray(node * D, (node + 1) * D);
      expect(at(again), `node ${node}`).toEqual(at(y));
    }
  });

  test('in gradients: ∂o_t / ∂x_s is 0 for s > t', async () => {
    const layer = await Layer.draw(groupedLinearAttention, config, D);
    const x = fromHost(await normals(26, [T * D]), [1, T, D]);
    for (const t of [0, w - 1, w, 2 * w + 1]) {
      const weights = new Float64Array(T * D);
      weights.set(await normals(27, [D]), t * D);
      const dx = await layer.read(grad((z: typeof x) => sum(mul(layer.record(z), fromHost(weights, [1, T, D]))))(x));
      expect(dx.subarray((t + 1) * D).every((value) => value === 0)).toBe(true);
      expect(dx.subarray(0, (t + 1) * D).some((value) => value !== 0)).toBe(true);
    }
  });
});

describe('linear attention 12.6: a draft of a tree', () => {
  // Longer than a group and than the taps, over up to four groups.
  const trees = [
    [-1, 0, 1, 2, 3, 4, 5, 6, 7, 8],
    [-1, -1, 0, 1, 2, 2, 4, 5, 6, 6, 8],
    [-1, 0, 0, 0, 1, 4, 5, 6, 7, 2, 9, 10],
  ];

  test.each([...trees.keys()])(
    'number %i gives at every node, at every phase, what its path gives alone',
    async (number) => {
      const parents = trees[number]!;
      const layer = await Layer.draw(groupedLinearAttention, config, D);
      const draft = await normals(31, [parents.length * D]);
      const path = (node: number): number[] => (node < 0 ? [] : [...path(parents[node]!), node]);
      for (let before = 0; before <= 2 * w; before++) {
        const prompt = await normals(32, [before * D]);
        const { state } = before === 0 ? { state: layer.start() } : await layer.step(layer.start(), prompt, 0);
        const { y } = await layer.step(state, draft, before, parents);
        for (let node = 0; node < parents.length; node++) {
          const nodes = path(node);
          const alone = Float64Array.from([...prompt, ...nodes.flatMap((own) => [...draft.subarray(own * D, (own + 1) * D)])]); // prettier-ignore
          const expected = (await layer.forward(alone)).slice(-D);
          expect(largest(y.subarray(node * D, (node + 1) * D), expected), `node ${node} behind ${before}`).toBeLessThan(1e-10); // prettier-ignore
        }
      }
    },
  );

  test('linear attention 12.7: that is rejected in part leaves what its accepted nodes alone leave', async () => {
    const parents = trees[1]!;
    const layer = await Layer.draw(groupedLinearAttention, config, D);
    const draft = await normals(33, [parents.length * D]);
    for (let before = 1; before <= w + 1; before++) {
      const { state: snapshot } = await layer.step(layer.start(), await normals(34, [before * D]), 0);
      const { state } = await layer.step(snapshot, draft, before, parents);
      for (const accepted of [[], [0], [0, 2], [0, 2, 5, 7], [0, 2, 4, 6, 8, 10]]) {
        const kept = await layer.commit({ snapshot, state }, draft, before, accepted);
        const rows = Float64Array.from(accepted.flatMap((node) => [...draft.subarray(node * D, (node + 1) * D)]));
        // One entry more than is accepted, as the commit has it, whose length is data.
        const never = accepted.length === 0 ? { state: snapshot } : await layer.step(snapshot, rows, before);
        const next = await normals(35, [3 * D]);
        const go = async (from: typeof state): Promise<Float64Array> =>
          (await layer.step(from, next, before + accepted.length)).y;
        expect(largest(await go(kept), await go(never.state)), `${accepted.join()} behind ${before}`).toBeLessThan(
          1e-13,
        );
      }
    }
  });
});

describe('linear attention 12.8: gradients are what differences in double precision give', () => {
  test.each<[string, GroupedLinearAttentionConfig]>([
    ['as it is', { ...config, learnedFactors: 'both' }],
    ['shared keys, rotary positions', { ...config, kvHeads: 1, headDim: 4, rotary: {} }],
    ['norms', { ...config, normGlobal: true, normTogether: 'head', learnedFactors: 'global' }],
    ['castling, a norm over all heads', { ...config, castling: true, normTogether: 'all', normValues: true }],
  ])('%s', async (_, given) => {
    const layer = await Layer.draw(groupedLinearAttention, given, D);
    for (const T of [w - 1, 2 * w + 3]) {
      const inputs = { x: fromHost(await normals(41, [T * D]), [1, T, D]), ...layer.params };
      const weights = fromHost(await normals(42, [T * D]), [1, T, D]);
      const loss = ({ x, ...params }: typeof inputs): ReturnType<typeof sum> =>
        sum(mul(layer.record(x, params), weights));
      const names = Object.keys(inputs) as (keyof typeof inputs)[];
      for (const [index, name] of names.entries()) {
        const value = inputs[name];
        const direction = await normals(50 + index, [value.size]);
        const numbers = await layer.read(value);
        const at = async (h: number): Promise<number> => {
          const moved = fromHost(numbers.map((number, i) => number + h * direction[i]!), value.shape); // prettier-ignore
          return (await layer.read(loss({ ...inputs, [name]: moved })))[0]!;
        };
        const dx = await layer.read(grad((z: typeof value) => loss({ ...inputs, [name]: z }))(value));
        const got = dx.reduce((total, each, i) => total + each * direction[i]!, 0);
        const h = 1e-5;
        const expected = ((await at(h)) - (await at(-h))) / (2 * h);
        expect(Math.abs(got - expected), `${name}, T = ${T}`).toBeLessThan(1e-6 * (1 + Math.abs(expected)));
      }
    }
  });
});

test('linear attention 12.9: the state takes as many bytes after 10 000 tokens as after 10, as it says', async () => {
  const layer = await Layer.draw(groupedLinearAttention, config, D);
  const declared = groupedLinearAttention.decoding!.memory({
    config: layer.config as never,
    dModel: D,
    layer: 0,
    layers: 1,
    batch: 1,
    capacity: 10_000,
    chunk: 250,
  });
  expect(declared).toEqual({ growth: 'constant', bytes: 4 * (H * d * d + 2 * w * H * d + (J - 1) * H * d + 1) });
  let { state } = await layer.step(layer.start(), await normals(61, [10 * D]), 0);
  expect(layer.bytes(state)).toBe(declared.bytes);
  const block = await normals(62, [250 * D]);
  for (let position = 10; position < 10_000; position += 250) ({ state } = await layer.step(state, block, position));
  expect(layer.bytes(state)).toBe(declared.bytes);
});

test('settings that contradict each other are named with their path and a mend', () => {
  const read = (given: GroupedLinearAttentionConfig): unknown =>
    validate(groupedLinearAttention.config, given, 'spec.layers.3.mixer.config');
  expect(() => read({ heads: 2, group: 0 })).toThrow(
    'spec.layers.3.mixer.config.group is 0, expected a whole number from 1.',
  );
  expect(() => read({ heads: 2, parts: 'local', normGlobal: true })).toThrow(
    "spec.layers.3.mixer.config.normGlobal is true, and with parts: 'local' nothing is global; leave it out or set parts: 'both'.",
  );
  expect(() => read({ heads: 2, parts: 'global', learnedFactors: 'both' })).toThrow(
    "spec.layers.3.mixer.config.learnedFactors is 'both', and with parts: 'global' there is no local part; set 'global' or 'none'.",
  );
  expect(() => read({ heads: 2, taps: 3 } as never)).toThrow(
    'spec.layers.3.mixer.config.taps is not known; known are heads',
  );
});
