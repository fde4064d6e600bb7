import type { CachePolicy, MixerUse } from '@tessera/plugin';
import { add, concat, fromHost, grad, less, mul, rem, slice, sub, sum, where, zeros } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import { describe, expect, test } from 'vitest';
import { contextualMemory } from './contextual/contextual-memory.ts';
import type { ContextualMemoryConfig } from './contextual/contextual-config.ts';
import { Layer, distance, drawn, numbers, rowsOf, values, whole } from './layer.test-support.ts';
import { contextualHeadReference, persistentHeadReference, project } from './memory.reference.ts';
import type { ContextualHead, Row } from './memory.reference.ts';
import { persistentMemory } from './persistent/persistent-memory.ts';

const D = 6;
const exact = 1e-11;

const kinds: readonly [string, MixerUse][] = [
  ['contextual', contextualMemory({ heads: 2 })],
  [
    'contextual, two ahead, of taps',
    contextualMemory({ heads: 2, lookAhead: 2, valueTaps: 3, keyTaps: 2, bias: true }),
  ],
  ['contextual, a window of 3', contextualMemory({ heads: 3, window: 3 })],
  ['persistent', persistentMemory({ heads: 2, slots: 5, stores: 2, keyTaps: 2 })],
];

const entry = (x: Tensor, from: number, to: number): Tensor => slice(x, 1, from, to);

/** A head of a memory in the paper's symbols. */
async function headOf({ params }: Layer, h: number, d: number): Promise<ContextualHead> {
  const part = async (name: string): Promise<Row[]> =>
    params[name] ? (await rowsOf(params[name])).slice(h * d, (h + 1) * d) : [];
  const scalar = async (name: string): Promise<number> => (params[name] ? (await values(params[name]))[h]! : 0);
  return {
    phi: await part('k_proj'),
    psi: await part('v_proj'),
    beta: Math.abs(10 * (await scalar('leak'))),
    kappa: 10 * (await scalar('key_scale')),
    nu: 10 * (await scalar('value_scale')),
    c: await scalar('peek'),
  };
}

/** Heads side by side, through W_o. */
async function output({ params }: Layer, heads: readonly (readonly Row[])[]): Promise<number[][]> {
  const W = await rowsOf(params['o_proj']!);
  return heads[0]!.map((_, t) =>
    project(
      W,
      heads.flatMap((head) => head[t]!),
    ),
  );
}

function furthest(a: readonly Row[], b: readonly Row[]): number {
  return Math.max(...a.flatMap((row, i) => row.map((value, j) => Math.abs(value - b[i]![j]!))));
}

describe('memory mosaic 11.1: step equals parallel', () => {
  describe.each(kinds)('%s', (_, use) => {
    const layer = new Layer(use, D);
    const T = 7;
    const x = drawn('steps', [2, T, D]);

    test.each([1, 2, 3, 4, 5, 6])('with the state split after %i entries', async (split) => {
      const first = await layer.step(await layer.start(2, T), entry(x, 0, split), 0);
      const second = await layer.step(first.state, entry(x, split, T), split);
      expect(await distance(concat([first.y, second.y], 1), layer.forward(x))).toBeLessThan(exact);
    });

    test.each([0, 1, 2, 3])('a draft after %i entries is taken back to each of its places', async (before) => {
      const draft = drawn('draft', [1, 4, D]);
      const after = drawn('after', [1, 1, D]);
      const start = await layer.start(1, 12);
      const history = entry(drawn('history', [1, 3, D]), 0, before);
      const state = before === 0 ? start : (await layer.step(start, history, 0)).state;
      const step = await layer.step(state, draft, before);
      for (let accepted = 0; accepted <= 4; accepted++) {
        const path = Array.from({ length: accepted }, (_, i) => i);
        const kept = await layer.commit(state, step.state, draft, path);
        const next = await layer.step(kept, after, before + accepted);
        const parts = [history, entry(draft, 0, accepted), after].filter(({ shape }) => shape[1]! > 0);
        const whole = layer.forward(concat(parts, 1));
        expect(await distance(next.y, entry(whole, before + accepted, before + accepted + 1))).toBeLessThan(exact);
      }
    });

    test('siblings in a tree complete the pair of their parent each with a value of its own', async () => {
      // 0 ─┬─ 1 ─── 3        two roots: the pair that waits is completed in two ways as well
      //    └─ 2 ─── 4
      // 5 ─── 6
      const parents = [-1, 0, 0, 1, 2, -1, 5];
      const depths = [0, 1, 1, 2, 2, 0, 1];
      const nodes = drawn('nodes', [1, 7, D]);
      const history = drawn('history', [1, 3, D]);
      const { state } = await layer.step(await layer.start(1, 12), history, 0);
      const tree = await layer.step(state, nodes, 3, { parents, positions: depths.map((depth) => 3 + depth) });
      for (let node = 0; node < 7; node++) {
        const path: number[] = [];
        for (let at = node; at >= 0; at = parents[at]!) path.unshift(at);
        const chain = concat([history, ...path.map((at) => entry(nodes, at, at + 1))], 1);
        const alone = layer.forward(chain);
        const T = chain.shape[1]!;
        expect(await distance(entry(tree.y, node, node + 1), entry(alone, T - 1, T))).toBeLessThan(exact);
        const kept = await layer.commit(state, tree.state, nodes, path);
        const more = drawn('more', [1, 2, D]);
        const next = await layer.step(kept, more, T);
        expect(await distance(next.y, entry(layer.forward(concat([chain, more], 1)), T, T + 2))).toBeLessThan(exact);
      }
    });
  });

  test('strict causality: nothing of y_t comes from a later x_s', async () => {
    for (const [, use] of kinds) {
      const layer = new Layer(use, D);
      const x = drawn('causal', [1, 5, D]);
      for (let t = 0; t < 5; t++) {
        const gradient = grad((input: Tensor) => sum(mul(entry(layer.forward(input), t, t + 1), drawn('w', [D]))))(x);
        const rows = await rowsOf(gradient);
        expect(rows.slice(t + 1).flat().every((value) => value === 0)).toBe(true); // prettier-ignore
      }
    }
  });

  test('v_{t−1} depends on x_t, and its own pair is not readable', async () => {
    const layer = new Layer(contextualMemory({ heads: 1, leak: 40 }), D);
    const two = drawn('two', [1, 2, D]);
    // Of two entries the second can read one pair only, whatever its key: y_1 = v_0, made of x_0 and x_1.
    const other = concat([entry(two, 0, 1), drawn('other', [1, 1, D])], 1);
    expect(await distance(entry(layer.forward(two), 1, 2), entry(layer.forward(other), 1, 2))).toBeGreaterThan(0.01);
    const { psi, nu, c } = await headOf(layer, 0, D);
    const [x0, x1] = (await rowsOf(two)) as [number[], number[]];
    const p = [project(psi, x0), project(psi, x1)] as const;
    const mixed = p[1].map((next, i) => (1 - c) * next + c * p[0][i]!);
    const norm = Math.hypot(...mixed);
    const expected = await output(layer, [[mixed.map((value) => (Math.exp(nu) * value) / norm)]]);
    expect(furthest((await rowsOf(layer.forward(two))).slice(1), expected)).toBeLessThan(exact);
  });
});

describe('memory mosaic 11.2: brute-force Gaussian Nadaraya–Watson', () => {
  test('with bandwidth e^{−κ} it equals the form with softmax', async () => {
    const layer = new Layer(contextualMemory({ heads: 2 }), D);
    const x = drawn('gaussian', [1, 33, D]);
    const rows = await rowsOf(x);
    const heads = await Promise.all([0, 1].map(async (h) => contextualHeadReference(rows, await headOf(layer, h, 3))));
    expect(furthest(await rowsOf(layer.forward(x)), await output(layer, heads))).toBeLessThan(exact);
  });

  test('a store is read by e^{2κ} n(k̄) · P', async () => {
    const layer = new Layer(persistentMemory({ heads: 2, slots: 5 }), D);
    const x = drawn('stores', [1, 19, D]);
    const rows = await rowsOf(x);
    const stored = async (name: string, h: number): Promise<Row[]> =>
      (await rowsOf(layer.params[name]!)).slice(5 * h, 5 * h + 5);
    const heads = await Promise.all(
      [0, 1].map(async (h) =>
        persistentHeadReference(rows, {
          ...(await headOf(layer, h, 3)),
          Pk: await stored('stored_keys', h),
          Pv: await stored('stored_values', h),
        }),
      ),
    );
    expect(furthest(await rowsOf(layer.forward(x)), await output(layer, heads))).toBeLessThan(exact);
  });
});

describe('memory mosaic 11.3: what the norm takes away', () => {
  const use = contextualMemory({ heads: 2 });
  const x = drawn('norms', [1, 12, D]);

  test('the factor 1 − λ of an average has no effect', async () => {
    const layer = new Layer(use, D);
    const rows = await rowsOf(x);
    const heads = await Promise.all(
      [0, 1].map(async (h) => contextualHeadReference(rows, await headOf(layer, h, 3), { average: true })),
    );
    expect(furthest(await rowsOf(layer.forward(x)), await output(layer, heads))).toBeLessThan(exact);
  });

  test.each([1e-3, 7, 1e4])('W_φ times %d has no effect', async (by) => {
    const layer = new Layer(use, D);
    const scaled = new Layer(use, D, { ...layer.params, k_proj: mul(layer.params['k_proj']!, by) });
    expect(await distance(layer.forward(x), scaled.forward(x))).toBeLessThan(1e-9);
  });
});

describe('memory mosaic 11.4: induction with a single layer, without training', () => {
  const V = 16;
  const identity = numbers(Array.from({ length: V }, (_, i) => Array.from({ length: V }, (_, j) => Number(i === j))));

  /** A memory whose key is the token and whose value is the next one. */
  function inductor(settings: Partial<ContextualMemoryConfig> = {}, c = 0): Layer {
    return new Layer(contextualMemory({ heads: 1, leak: 40, maxKeyScale: 5, ...settings }), V, {
      k_proj: identity,
      v_proj: identity,
      o_proj: identity,
      key_scale: numbers([0.5]),
      value_scale: numbers([0]),
      peek: numbers([c]),
    });
  }

  const oneHot = (tokens: readonly number[]): Tensor =>
    fromHost(Float64Array.from(tokens.flatMap((token) => Array.from({ length: V }, (_, i) => Number(i === token)))), [
      1,
      tokens.length,
      V,
    ]);

  async function predictions(layer: Layer, tokens: readonly number[]): Promise<number[]> {
    return (await rowsOf(layer.forward(oneHot(tokens)))).map((row) => row.indexOf(Math.max(...row)));
  }

  test('after any token that came before, x_{t+1} is what followed it', async () => {
    for (let shift = 1; shift < V; shift += 2) {
      const once = Array.from({ length: V }, (_, i) => (5 + i * shift) % V); // each token once, in another order
      const tokens = [...once, ...once];
      const predicted = await predictions(inductor(), tokens);
      expect(predicted.slice(V, -1)).toEqual(tokens.slice(V + 1));
    }
  });

  test('a memory that does not look ahead repeats the token itself', async () => {
    const tokens = [3, 1, 4, 2, 3, 1, 4];
    const predicted = await predictions(inductor({}, 1), tokens);
    expect(predicted.slice(4)).toEqual([3, 1, 4]);
    expect((await predictions(inductor(), tokens)).slice(4)).toEqual([1, 4, 2]);
  });

  test('of a token that was followed by different ones it predicts the more frequent', async () => {
    // 7 is followed by 1 twice and by 2 once.
    const tokens = [7, 1, 0, 7, 2, 0, 7, 1, 3, 7];
    const last = (await rowsOf(inductor().forward(oneHot(tokens)))).at(-1)!;
    expect(last[1]).toBeCloseTo(2 / 3, 3);
    expect(last[2]).toBeCloseTo(1 / 3, 3);
  });
});

test('memory mosaic 11.5: a persistent memory of one slot returns that slot’s value for any input', async () => {
  const layer = new Layer(persistentMemory({ heads: 2, slots: 1 }), D);
  const stored = await rowsOf(layer.params['stored_values']!);
  const nu = await values(layer.params['value_scale']!);
  const [expected] = await output(layer, stored.map((v, h) => [v.map((value) => Math.exp(10 * nu[h]!) * value)])); // prettier-ignore
  for (const input of ['one', 'another']) {
    const rows = await rowsOf(layer.forward(drawn(input, [1, 4, D], 10)));
    expect(furthest(rows, rows.map(() => expected!))).toBeLessThan(exact); // prettier-ignore
  }
});

test('memory mosaic 11.6: with N = 3.5 D a block has 12 D² parameters, and scalars of heads', () => {
  const [width, heads] = [16, 4];
  const count = (use: MixerUse): number =>
    Object.values(new Layer(use, width).params).reduce((total, { size }) => total + size, 0);
  expect(count(contextualMemory({ heads }))).toBe(3 * width ** 2 + 4 * heads); // β, κ, ν, c
  expect(count(persistentMemory({ heads, slots: 3.5 * width }))).toBe(9 * width ** 2 + 3 * heads); // β, κ, ν
});

describe('memory mosaic 11.10: gradients', () => {
  const settings = { heads: 2, keyTaps: 2, bias: true };
  const uses: readonly [string, MixerUse][] = [
    ['contextual', contextualMemory({ heads: 2, bias: true })],
    ['contextual, of taps', contextualMemory({ ...settings, valueTaps: 3, lookAhead: 2, window: 4 })],
    ['persistent', persistentMemory({ ...settings, slots: 4, stores: 2 })],
  ];

  describe.each(uses)('%s', (_, use) => {
    const { params } = new Layer(use, D);
    const x = drawn('gradients', [2, 6, D]);
    const loss = (given: Readonly<Record<string, Tensor>>, input: Tensor): Tensor =>
      sum(
        mul(new Layer(use, D, given).forward(input, { starts: [0, 2], lengths: [6, 4] }), drawn('weights', [2, 6, D])),
      );

    test.each([...Object.keys(params), 'x'])('of %s by differences', async (name) => {
      const of = name === 'x' ? x : params[name]!;
      const at = (value: Tensor): Tensor =>
        name === 'x' ? loss(params, value) : loss({ ...params, [name]: value }, x);
      const gradient = await values(grad(at)(of));
      const direction = drawn(`direction ${name}`, of.shape);
      const moved = async (by: number): Promise<number> => (await values(at(add(of, mul(direction, by)))))[0]!;
      const difference = async (step: number): Promise<number> =>
        ((await moved(step)) - (await moved(-step))) / (2 * step);
      // Errors of two steps of which one is half the other cancel to fourth order.
      const measured = (4 * (await difference(1e-4)) - (await difference(2e-4))) / 3;
      const along = (await values(direction)).reduce((total, value, i) => total + value * gradient[i]!, 0);
      expect(gradient.some((value) => value !== 0)).toBe(true);
      expect(Math.abs(along - measured)).toBeLessThan(1e-6 * (1 + Math.abs(measured)));
    });
  });

  test.each(['leak', 'key_scale', 'value_scale', 'peek'])('of each head’s %s by itself', async (name) => {
    const use = contextualMemory({ heads: 3 });
    const { params } = new Layer(use, D);
    const x = drawn('scalars', [1, 9, D]);
    const at = (value: Tensor): Tensor =>
      sum(mul(new Layer(use, D, { ...params, [name]: value }).forward(x), drawn('weights', [1, 9, D])));
    const own = await values(params[name]!);
    const gradient = await values(grad(at)(params[name]!));
    for (let h = 0; h < 3; h++) {
      const moved = async (by: number): Promise<number> => (await values(at(numbers(own.with(h, own[h]! + by)))))[0]!;
      const difference = async (step: number): Promise<number> =>
        ((await moved(step)) - (await moved(-step))) / (2 * step);
      const measured = (4 * (await difference(1e-4)) - (await difference(2e-4))) / 3;
      expect(Math.abs(gradient[h]! - measured)).toBeLessThan(1e-6 * (1 + Math.abs(measured)));
    }
  });
});

describe('under a policy that evicts', () => {
  const [sinks, window, T] = [3, 4, 23];
  /** Slots of entries that stay, and a ring beside them. */
  const policy: CachePolicy = {
    name: 'test',
    slots: ({ chunk }) => sinks + window - 1 + chunk,
    slotOf: (entry, slots) => where(less(entry, sinks), entry, add(rem(sub(entry, sinks), slots - sinks), sinks)),
    read: ({ positions }) => ({ pinned: sinks, window, back: zeros(positions.shape, 'i32') }),
  };
  const use = contextualMemory({ heads: 2 });
  const x = drawn('evicted', [1, T, D]);

  test.each([[[1]], [[5, 1, 7]], [[T]]])(
    'pairs of the first entries and of the window are read, by steps of %j',
    async (sizes) => {
      const layer = new Layer(use, D, {}, policy);
      const rows = await rowsOf(x);
      const sees = (t: number, e: number): boolean => e < sinks || t - e < window;
      const heads = await Promise.all(
        [0, 1].map(async (h) => contextualHeadReference(rows, await headOf(layer, h, 3), { sees })),
      );
      const expected = await output(layer, heads);
      let state = await layer.start(1, T);
      for (let from = 0, turn = 0; from < T; turn++) {
        const to = Math.min(T, from + sizes[turn % sizes.length]!);
        const made = await layer.step(state, entry(x, from, to), from);
        expect(furthest(await rowsOf(made.y), expected.slice(from, to))).toBeLessThan(exact);
        [state, from] = [made.state, to];
      }
    },
  );

  test('a draft that was rejected has evicted nothing', async () => {
    const layer = new Layer(use, D, {}, policy);
    const before = (await layer.step(await layer.start(1, T), entry(x, 0, 12), 0)).state;
    const draft = drawn('rejected', [1, 4, D]);
    const { state } = await layer.step(before, draft, 12);
    const kept = await layer.commit(before, state, draft, []);
    const [plain, again] = [
      await layer.step(before, entry(x, 12, 17), 12),
      await layer.step(kept, entry(x, 12, 17), 12),
    ];
    expect(await distance(again.y, plain.y)).toBeLessThan(exact);
  });
});

describe('edges', () => {
  const use = contextualMemory({ heads: 2 });
  const layer = new Layer(use, D);
  const zeros = (rows: readonly Row[]): boolean => rows.flat().every((value) => value === 0);

  test('of one entry, and of the first after padding, nothing is retrieved', async () => {
    expect(zeros(await rowsOf(layer.forward(drawn('one', [1, 1, D]))))).toBe(true);
    const rows = await rowsOf(layer.forward(drawn('padded', [1, 5, D]), { starts: [2], lengths: [3] }));
    expect(zeros(rows.slice(2, 3))).toBe(true);
    expect(zeros(rows.slice(3, 4))).toBe(false);
  });

  test('where a document begins, leak, waiting pair and sight begin anew', async () => {
    for (const [, kind] of kinds) {
      const one = new Layer(kind, D);
      const [a, b] = [drawn('a', [1, 4, D]), drawn('b', [1, 5, D])];
      const packed = one.forward(concat([a, b], 1), { segments: [3, 3, 3, 3, 7, 7, 7, 7, 7] });
      expect(await distance(packed, concat([one.forward(a), one.forward(b)], 1))).toBeLessThan(exact);
    }
  });

  test('a key of zeros is no NaN, and neither is its gradient', async () => {
    const x = fromHost(new Float64Array(3 * D), [1, 3, D]);
    for (const [, kind] of kinds) {
      const one = new Layer(kind, D);
      for (const tensor of [one.forward(x), grad((input: Tensor) => sum(one.forward(input)))(x)])
        expect((await values(tensor)).every(Number.isFinite)).toBe(true);
    }
  });

  test('with c = 1 values are of their own entry, and still readable only from the next on', async () => {
    const own = new Layer(use, D, { peek: numbers([1, 1]) });
    const rows = await rowsOf(own.forward(drawn('own', [1, 6, D])));
    expect(zeros(rows.slice(0, 1))).toBe(true);
    const x = drawn('own', [1, 2, D]);
    const other = concat([entry(x, 0, 1), drawn('next', [1, 1, D])], 1);
    // The one pair that can be read has nothing of the second entry.
    expect(await distance(own.forward(x), own.forward(other))).toBeLessThan(exact);
  });

  test('without a leak a key is the sum of all', async () => {
    const plain = new Layer(contextualMemory({ heads: 1, leak: 0 }), D);
    const x = drawn('sum', [1, 9, D]);
    const head = { ...(await headOf(plain, 0, D)), beta: 0 };
    const expected = await output(plain, [contextualHeadReference(await rowsOf(x), head)]);
    expect(furthest(await rowsOf(plain.forward(x)), expected)).toBeLessThan(exact);
  });

  test('a store of nothing gives nothing', async () => {
    const empty = new Layer(persistentMemory({ heads: 2, slots: 0 }), D);
    expect(zeros(await rowsOf(empty.forward(drawn('any', [1, 3, D]))))).toBe(true);
  });

  test('heads that do not divide the width are refused with what to set', () => {
    expect(() => new Layer(contextualMemory({ heads: 4 }), D)).toThrow(
      'heads is 4, and dModel 6 does not divide into 4 heads. Set headDim.',
    );
  });

  test('a step over packed documents is refused by name', async () => {
    const state = await layer.start(1, 4);
    const segments = whole([0, 1], [1, 2]);
    const call = { params: layer.params, config: layer.config, x: drawn('x', [1, 2, D]), positions: whole([0, 1], [1, 2]), starts: whole([0]), lengths: whole([2]), segments, state }; // prettier-ignore
    expect(() => layer.mixer.decoding!.step(call)).toThrow(
      '@tessera/mixers-memory-mosaic:contextual-memory does not keep packed documents apart.',
    );
  });
});
