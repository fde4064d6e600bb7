import { softmaxAttention } from '@tessera/attention-softmax';
import { latentAttention } from '@tessera/ops';
import type { MixerUse } from '@tessera/plugin';
import { CpuDevice, add, concat, fromHost, grad, mul, read, reshape, slice, sum } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import { describe, expect, test } from 'vitest';
import { appendToPool, poolPositions } from './cache/page-pool.ts';
import type { PagePool } from './cache/page-pool.ts';
import type { RowCache } from './cache/row-cache.ts';
import { groupedLatentAttention } from './latent/grouped-latent-attention.ts';
import { multiHeadLatentAttention } from './latent/multi-head-latent-attention.ts';
import { Layer, distance, drawn, drawnParams, values, whole } from './layer.test-support.ts';
import { shardOf } from './shard.test-support.ts';
import { groupedTiedAttention } from './tied/grouped-tied-attention.ts';

const D = 12;
const rotary = { theta: 100 };
const latent = { heads: 4, headDim: 3, valueDim: 5, rotaryDim: 4, latentDim: 6, queryRank: 7, rotary };
const biases = { downBias: true, upBias: true, outputBias: true };

const mla = (more: object = {}): MixerUse => multiHeadLatentAttention({ ...latent, ...biases, ...more });
const gla = (more: object = {}): MixerUse => groupedLatentAttention({ ...latent, latentHeads: 2, ...biases, ...more });
const gta = (more: object = {}): MixerUse =>
  groupedTiedAttention({
    heads: 4,
    kvHeads: 2,
    headDim: 6,
    rotaryDim: 4,
    rotary,
    qkvBias: true,
    sharedKeyBias: true,
    ...more,
  });

const kinds = [
  ['MLA', mla],
  ['GLA', gla],
  ['GTA', gta],
] as const;

const exact = 1e-12;

/** Steps of the given sizes over `x [B, T, D]`: all outputs, and the state that is left. */
async function through(
  layer: Layer,
  x: Tensor,
  sizes: readonly number[],
  state: RowCache,
): Promise<{ y: Tensor; state: RowCache }> {
  const parts: Tensor[] = [];
  let [at, last] = [0, state];
  for (const size of sizes) {
    const made = await layer.step(last, slice(x, 1, at, at + size), at);
    parts.push(made.y);
    last = made.state;
    at += size;
  }
  return { y: concat(parts, 1), state: last };
}

describe('latent attention 12.1: absorbed equals materialised', () => {
  describe.each([
    ['MLA', mla],
    ['GLA', gla],
  ] as const)('%s', (_, use) => {
    test.each([1, 2, 4])('%i new positions after prefixes of up to 3 pages', async (n) => {
      const [absorbed, materialized] = [1000, 0].map((absorbUpTo) => new Layer(use({ absorbUpTo, pageSize: 4 }), D));
      for (const prefix of [0, 1, 3, 4, 5, 8, 12]) {
        const x = drawn(`x ${prefix}`, [2, prefix + n, D]);
        const sizes = prefix === 0 ? [n] : [prefix, n];
        const [a, m] = await Promise.all(
          [absorbed!, materialized!].map(async (layer) => through(layer, x, sizes, await layer.start(2, 16))),
        );
        expect(await distance(a!.y, m!.y)).toBeLessThan(exact);
        expect(await distance(a!.state.rows, m!.state.rows)).toBe(0);
        expect(await distance(a!.y, absorbed!.forward(x))).toBeLessThan(exact);
      }
    });
  });
});

describe('latent attention 12.2: one attention is another', () => {
  const x = drawn('x', [2, 7, D]);

  test('GLA with one latent is MLA', async () => {
    const one = new Layer(gla({ latentHeads: 1 }), D);
    const other = new Layer(mla(), D, one.params);
    expect(await values(one.forward(x))).toEqual(await values(other.forward(x)));
  });

  /** The GQA whose keys are made of those of GTA: shared part first, since that is the part which turns there. */
  function asGrouped(params: Readonly<Record<string, Tensor>>, R: number): Layer {
    const [heads, kvHeads, d] = [4, 2, 6];
    const rowsOf = (weight: Tensor, from: number, to: number): Tensor => slice(weight, 0, from, to);
    const turnedFirst = (weight: Tensor, count: number): Tensor[] =>
      Array.from({ length: count }, (_, h) => [
        rowsOf(weight, (h + 1) * d - R, (h + 1) * d),
        rowsOf(weight, h * d, (h + 1) * d - R),
      ]).flat();
    const keys = (tied: Tensor, shared: Tensor | undefined): Tensor =>
      concat(
        Array.from({ length: kvHeads }, (_, g) => [
          ...(shared ? [shared] : []),
          rowsOf(tied, g * d, (g + 1) * d - R),
        ]).flat(),
        0,
      );
    const { q_proj, kv_proj, k_rope_proj, o_proj, q_bias, kv_bias, k_rope_bias } = params as Record<string, Tensor>;
    const use = softmaxAttention({
      heads,
      kvHeads,
      headDim: d,
      qkvBias: true,
      ...(R > 0 && { rotary: { ...rotary, dims: R } }),
    });
    return new Layer(use, D, {
      q_proj: concat(turnedFirst(q_proj!, heads), 0),
      k_proj: keys(kv_proj!, k_rope_proj),
      v_proj: kv_proj!,
      o_proj: o_proj!,
      q_bias: concat(turnedFirst(q_bias!, heads), 0),
      k_bias: keys(kv_bias!, k_rope_bias),
      v_bias: kv_bias!,
    });
  }

  test('GTA is GQA with keys and values written out', async () => {
    const tied = new Layer(gta(), D);
    expect(await distance(tied.forward(x), asGrouped(tied.params, 4).forward(x))).toBeLessThan(exact);
  });

  test('GTA without a shared key is GQA whose keys are its values', async () => {
    const tied = new Layer(gta({ rotaryDim: 0, rotary: undefined, sharedKeyBias: false }), D);
    expect(await distance(tied.forward(x), asGrouped(tied.params, 0).forward(x))).toBeLessThan(exact);
  });
});

describe('latent attention 12.3: prefill whole, token by token and in any parts leave the same outputs and cache', () => {
  test.each(kinds)('%s', async (_, use) => {
    const layer = new Layer(use(), D);
    const x = drawn('x', [2, 9, D]);
    const start = await layer.start(2, 11);
    const whole9 = await through(layer, x, [9], start);
    expect(await distance(whole9.y, layer.forward(x))).toBeLessThan(exact);
    for (const sizes of [
      [1, 1, 1, 1, 1, 1, 1, 1, 1],
      [4, 1, 3, 1],
      [2, 7],
    ]) {
      const parts = await through(layer, x, sizes, start);
      expect(await distance(parts.y, whole9.y)).toBeLessThan(exact);
      expect(await distance(parts.state.rows, whole9.state.rows)).toBeLessThan(exact);
      expect(await values(parts.state.positions)).toEqual(await values(whole9.state.positions));
    }
  });
});

describe('latent attention 12.4: pages', () => {
  describe.each(kinds)('%s', (_, use) => {
    test.each([1, 16, 64])('of %i slots in any order give the same to the bit', async (pageSize) => {
      const x = drawn('x', [2, 70, D]);
      const [plain, paged] = [new Layer(use(), D), new Layer(use({ pageSize }), D)];
      const expected = await through(plain, x, [65, 1, 4], await plain.start(2, 128));
      const start = await paged.start(2, 128);
      const pages = 128 / pageSize;
      const shuffled = whole(
        Array.from({ length: 2 * pages }, (__, place) => ((place % pages) * 5 + 3 + Math.floor(place / pages)) % pages),
        [2, pages],
      );
      const made = await through(paged, x, [65, 1, 4], { ...start, table: shuffled });
      expect(await values(made.y)).toEqual(await values(expected.y));
    });
  });

  const [page, W] = [4, 8];
  const settings = { groups: 1, sharedDim: 2, scale: 0.5 };

  function attend(pool: PagePool, q: Tensor, first: readonly number[]): Tensor {
    const [B, n] = q.shape as [number, number];
    return latentAttention({
      q,
      rows: pool.rows,
      table: pool.table,
      pageSize: page,
      queryPositions: whole(
        first.flatMap((at) => Array.from({ length: n }, (_, i) => at + i)),
        [B, n],
      ),
      keyPositions: poolPositions(pool),
      ...settings,
    });
  }

  test('that two sequences share are read by both and written by none', async () => {
    const prefix = drawn('prefix', [1, 8, W]);
    const empty = fromHost(new Float64Array(5 * page * W).fill(1e9), [1, 5 * page, W]);
    const prompt = appendToPool(
      { rows: empty, pageSize: page, table: whole([3, 1], [1, 2]), count: whole([0]) },
      prefix,
      whole([8]),
    );
    // Both go on from the same two pages, each on a page of its own that held something else before.
    const both = { ...prompt, table: whole([3, 1, 4, 3, 1, 0], [2, 3]), count: whole([8, 8]) };
    const own = drawn('own', [2, 3, W]);
    const after = appendToPool(both, own, whole([3, 2]));
    const q = drawn('q', [2, 1, 2, W]);
    const made = await values(attend(after, q, [10, 9]));
    for (const [b, length] of [3, 2].entries()) {
      const rows = concat([prefix, slice(slice(own, 0, b, b + 1), 1, 0, length)], 1);
      const alone = latentAttention({
        q: slice(q, 0, b, b + 1),
        rows,
        queryPositions: whole([7 + length], [1, 1]),
        keyPositions: whole(
          Array.from({ length: 8 + length }, (_, s) => s),
          [1, 8 + length],
        ),
        ...settings,
      });
      expect(made.slice(b * 12, (b + 1) * 12)).toEqual(await values(alone));
    }
    const [before, now] = await Promise.all([values(prompt.rows), values(after.rows)]);
    for (const shared of [3, 1, 2])
      expect(now.slice(shared * page * W, (shared + 1) * page * W)).toEqual(
        before.slice(shared * page * W, (shared + 1) * page * W),
      );
  });

  test('a border of pages in the middle of a step, a first token, and a sequence without one', async () => {
    const empty = fromHost(new Float64Array(4 * page * W).fill(1e9), [1, 4 * page, W]);
    const rows = drawn('rows', [3, 6, W]);
    const pool = appendToPool(
      { rows: empty, pageSize: page, table: whole([2, 0, 1, -1, -1, -1], [3, 2]), count: whole([0, 0, 0]) },
      rows,
      whole([6, 1, 0]),
    );
    const q = drawn('q', [3, 1, 2, W]);
    const made = await values(attend(pool, q, [5, 0, 0]));
    // Who sees one row alone gives its value, whatever the query; who sees nothing gives zeros.
    const own = await values(slice(slice(slice(rows, 0, 1, 2), 1, 0, 1), 2, 0, 6));
    expect(made.slice(12, 24)).toEqual([...own, ...own]);
    expect(made.slice(24)).toEqual(Array.from({ length: 12 }, () => 0));
    expect(made.slice(0, 12).every((value) => Math.abs(value) < 2)).toBe(true);
  });
});

describe('latent attention 12.5: ranks that hold their share of the heads add up to the whole', () => {
  test.each(kinds)('%s', async (_, use) => {
    const layer = new Layer(use({ outputBias: false }), D);
    const x = drawn('x', [2, 6, D]);
    const expected = layer.forward(x);
    for (const ranks of [1, 2, 4]) {
      const outputs = Array.from({ length: ranks }, (__, rank) => shardOf(layer, rank, ranks).forward(x));
      expect(
        await distance(
          outputs.reduce((total, y) => add(total, y)),
          expected,
        ),
      ).toBeLessThan(exact);
    }
  });
});

describe('latent attention 12.7: a constant added to all positions changes nothing', () => {
  test.each(kinds)('%s', async (_, use) => {
    for (const order of ['half', 'interleaved']) {
      const layer = new Layer(use({ rotary: { ...rotary, order } }), D);
      const x = drawn('x', [1, 6, D]);
      expect(await distance(layer.forward(x), layer.forward(x, 1000))).toBeLessThan(1e-9);
      expect(
        await distance(layer.forward(x), new Layer(use({ rotary: undefined }), D, layer.params).forward(x)),
      ).toBeGreaterThan(1e-3);
    }
  });
});

describe('latent attention 12.8: a tree under its mask is each of its paths', () => {
  test.each(kinds)('%s', async (_, use) => {
    const layer = new Layer(use({ pageSize: 2 }), D);
    const prompt = await layer.step(await layer.start(1, 12), drawn('prompt', [1, 4, D]), 0);
    const tokens = drawn('tokens', [1, 5, D]);
    const [parents, depths] = [
      [-1, 0, 0, 2, 1],
      [4, 5, 5, 6, 6],
    ];
    const tree = await layer.step(prompt.state, tokens, 4, { parents, positions: depths });
    for (const path of [
      [0, 1, 4],
      [0, 2, 3],
    ]) {
      const along = concat(
        path.map((node) => slice(tokens, 1, node, node + 1)),
        1,
      );
      const chain = await layer.step(prompt.state, along, 4);
      const nodes = concat(
        path.map((node) => slice(tree.y, 1, node, node + 1)),
        1,
      );
      expect(await distance(nodes, chain.y)).toBeLessThan(exact);
      const next = drawn('next', [1, 2, D]);
      const committed = await layer.commit(prompt.state, tree.state, tokens, path);
      const [after, expected] = [await layer.step(committed, next, 7), await layer.step(chain.state, next, 7)];
      expect(await distance(after.y, expected.y)).toBeLessThan(exact);
    }
  });
});

describe('latent attention 12.9: gradients of every projection are what differences give', () => {
  const device = new CpuDevice({ precision: 'f64' });

  test.each(kinds)('%s', async (_, use) => {
    const small = {
      heads: 2,
      headDim: 2,
      rotaryDim: 2,
      ...(use !== gta && { valueDim: 3, latentDim: 2, queryRank: 2 }),
    };
    const one = use({ ...small, ...(use === gta && { kvHeads: 1 }) });
    const params = drawnParams(one, 4);
    const [x, weights] = [drawn('x', [1, 3, 4]), drawn('weights', [1, 3, 4])];
    const loss = (given: Record<string, Tensor>): Tensor => sum(mul(new Layer(one, 4, given).forward(x), weights));
    const gradients = grad(loss)(params);
    for (const [name, tensor] of Object.entries(params)) {
      const at = await values(tensor);
      const nudged = async (place: number, by: number): Promise<number> => {
        const data = Float64Array.from(at, (value, i) => (i === place ? value + by : value));
        return (await read(loss({ ...params, [name]: fromHost(data, tensor.shape) }), device))[0]!;
      };
      const expected: number[] = [];
      for (const place of at.keys()) expected.push(((await nudged(place, 1e-5)) - (await nudged(place, -1e-5))) / 2e-5);
      const made = await values(reshape(gradients[name]!, [at.length]));
      const furthest = Math.max(...made.map((value, place) => Math.abs(value - expected[place]!)));
      expect(`${name} ${furthest < 1e-8}`).toBe(`${name} true`);
      // A bias of keys is the same for all keys of a query, and softmax takes it away.
      expect([name, Math.max(...expected.map(Math.abs)) > 1e-4]).toEqual([name, name !== 'k_b_bias']);
    }
  });
});

describe('sizes that do not fit are refused by their names', () => {
  const refusal = ({ mixer, config }: MixerUse): string => {
    try {
      new Layer({ mixer, config }, D).forward(drawn('x', [1, 1, D]));
    } catch (error) {
      return (error as Error).message;
    }
    return 'taken';
  };

  test.each([
    [
      gla({ heads: 6, latentHeads: 4 }),
      'latentHeads is 4, and 6 heads do not divide into 4 latentHeads. Set latentHeads to a divisor of heads.',
    ],
    [mla({ rotaryDim: 3 }), 'rotaryDim is 3, expected an even number: pairs of elements turn. Set rotaryDim.'],
    [
      mla({ rotary: { dims: 6 } }),
      'rotary.dims is 6, expected an even number up to rotaryDim = 4. Leave it out to turn all of them.',
    ],
    [multiHeadLatentAttention({ heads: 5 }), 'heads is 5, and dModel 12 does not divide into 5 heads. Set headDim.'],
    [gta({ kvHeads: 3 }), 'kvHeads is 3, and 4 heads do not divide into 3 kvHeads. Set kvHeads to a divisor of heads.'],
    [
      gta({ rotaryDim: 8 }),
      "rotaryDim is 8, expected up to headDim = 6: the shared key takes the place of a part of a head's. Set rotaryDim.",
    ],
    [mla({ pageSize: 0 }), 'config.pageSize is 0, expected a whole number from 1.'],
    [mla({ window: 0 }), 'config.window is 0, expected a whole number from 1.'],
    [mla({ latentHeads: 2 }), 'config.latentHeads is not known; known are heads, headDim,'],
  ])('%#', (use, message) => {
    expect(refusal(use)).toContain(message);
  });
});
