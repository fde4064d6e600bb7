import { read, zeros } from '@tessera/tensor-core';
import { describe, expect, test } from 'vitest';
import { bool, dense, differences, get, randomDense, real, whole } from './array.reference.ts';
import type { Dense } from './array.reference.ts';
import { attentionReference } from './attention.reference.ts';
import { latentAttention } from './latent-attention.ts';

interface Sizes {
  readonly n: number;
  readonly S: number;
  readonly H: number;
  readonly G: number;
  readonly K: number;
  readonly V: number;
  readonly R: number;
}

const B = 2;

/** Keys and values of all slots as arrays of their own, from the rows that hold both. */
function keysAndValues(rows: Dense, { S, G, K, V, R }: Sizes): { k: Dense; v: Dense } {
  const at = (place: number, width: number): [number, number, number, number] => [
    Math.floor(place / (S * G * width)),
    Math.floor(place / (G * width)) % S,
    Math.floor(place / width) % G,
    place % width,
  ];
  return {
    k: dense([B, S, G, K + R], (place) => {
      const [b, s, g, d] = at(place, K + R);
      return get(rows, b, s, d < K ? g * V + d : G * V + d - K);
    }),
    v: dense([B, S, G, V], (place) => {
      const [b, s, g, d] = at(place, V);
      return get(rows, b, s, g * V + d);
    }),
  };
}

function inputs(sizes: Sizes) {
  const { n, S, H, G, K, V, R } = sizes;
  const rows = randomDense([B, S, G * V + R], 2, -2, 2);
  return {
    q: randomDense([B, n, H, K + R], 1, -2, 2),
    rows,
    ...keysAndValues(rows, sizes),
    queryPositions: dense([B, n], (place) => Math.max(0, S - n) + (place % n) - Math.floor(place / n)),
    keyPositions: dense([B, S], (place) => (place % 7 === 3 ? -1 : place % S)),
  };
}

const kinds: readonly [string, Sizes][] = [
  ['MLA: one latent is key and value of all heads', { n: 2, S: 9, H: 4, G: 1, K: 6, V: 6, R: 4 }],
  ['GLA: heads read the latent of their group', { n: 3, S: 8, H: 6, G: 3, K: 5, V: 5, R: 2 }],
  ['GTA: the key is the first part of the value and the shared key', { n: 1, S: 7, H: 4, G: 2, K: 3, V: 6, R: 4 }],
  ['tied: key and value are one', { n: 4, S: 4, H: 2, G: 2, K: 4, V: 4, R: 0 }],
  ['no slots at all', { n: 2, S: 0, H: 2, G: 1, K: 4, V: 4, R: 2 }],
];

describe.each(kinds)('%s', (_, sizes) => {
  const { q, rows, k, v, queryPositions, keyPositions } = inputs(sizes);
  const { n, S, G, R } = sizes;
  const call = { groups: G, sharedDim: R, scale: 0.4 };
  const reference = { q, k, v, queryPositions, keyPositions, scale: 0.4 };
  const positions = () => ({ queryPositions: whole(queryPositions), keyPositions: whole(keyPositions) });

  test('in slots of each row', async () => {
    const build = () => [latentAttention({ q: real(q), rows: real(rows), ...positions(), ...call })];
    expect(await differences(build, [attentionReference(reference)], { single: 2e-5 })).toEqual([]);
  });

  test('in a window and under a mask', async () => {
    const mask = dense([B, n, S], (place) => Number(place % 3 !== 1));
    const build = () => [
      latentAttention({ q: real(q), rows: real(rows), ...positions(), ...call, window: 4, mask: bool(mask) }),
    ];
    expect(await differences(build, [attentionReference({ ...reference, window: 4, mask })], { single: 2e-5 })).toEqual(
      [],
    );
  });
});

describe('pages', () => {
  const sizes = { n: 2, S: 12, H: 4, G: 2, K: 4, V: 4, R: 2 };
  const { q, rows, k, v, queryPositions, keyPositions } = inputs(sizes);
  const width = rows.shape[2]!;

  /** Rows spread over pages of a size, in an order of no meaning, with a page of garbage before each. */
  function spread(page: number): { pool: Dense; table: Dense } {
    const used = (B * sizes.S) / page;
    const placeOf = (number: number): number => 2 * ((number * 5 + 3) % used) + 1;
    const table = dense([B, sizes.S / page], placeOf);
    const pool = dense([1, 2 * used * page, width], () => 1e6);
    for (let number = 0; number < used; number++)
      for (let e = 0; e < page * width; e++)
        pool.data[placeOf(number) * page * width + e] = rows.data[number * page * width + e]!;
    return { pool, table };
  }

  test.each([1, 2, 3, 4, 6, 12])('of %i slots give the same to the bit', async (page) => {
    const { pool, table } = spread(page);
    const call = { q: real(q), queryPositions: whole(queryPositions), keyPositions: whole(keyPositions) };
    const settings = { groups: 2, sharedDim: 2, scale: 0.5 };
    const paged = () =>
      latentAttention({ ...call, ...settings, rows: real(pool), table: whole(table), pageSize: page });
    const plain = () => latentAttention({ ...call, ...settings, rows: real(rows) });
    expect(await read(paged())).toEqual(await read(plain()));
    const expected = attentionReference({ q, k, v, queryPositions, keyPositions, scale: 0.5 });
    expect(await differences(() => [paged()], [expected], { single: 2e-5 })).toEqual([]);
  });

  test('of each row of the batch are counted by the row', async () => {
    const call = { q: real(q), queryPositions: whole(queryPositions), keyPositions: whole(keyPositions) };
    const settings = { groups: 2, sharedDim: 2, scale: 0.5 };
    const order = [
      [2, 0, 1],
      [1, 2, 0],
    ];
    const turned = dense(rows.shape, (place) => {
      const [b, s, d] = [Math.floor(place / width / 12), Math.floor(place / width) % 12, place % width];
      return get(rows, b, order[b]!.indexOf(Math.floor(s / 4)) * 4 + (s % 4), d);
    });
    const table = dense([2, 3], (place) => order.flat()[place]!);
    const paged = latentAttention({ ...call, ...settings, rows: real(turned), table: whole(table), pageSize: 4 });
    expect(await read(paged)).toEqual(await read(latentAttention({ ...call, ...settings, rows: real(rows) })));
  });

  test('that do not exist hold nothing that a query sees', async () => {
    const { pool, table } = spread(4);
    const lacking = dense(table.shape, (place) => (place === 5 ? -1 : table.data[place]!));
    const hidden = dense([B, 12], (place) => (Math.floor(place / 4) === 5 ? -1 : keyPositions.data[place]!));
    const build = () => [
      latentAttention({
        q: real(q),
        rows: real(pool),
        table: whole(lacking),
        pageSize: 4,
        queryPositions: whole(queryPositions),
        keyPositions: whole(hidden),
        groups: 2,
        sharedDim: 2,
        scale: 0.5,
      }),
    ];
    const expected = attentionReference({ q, k, v, queryPositions, keyPositions: hidden, scale: 0.5 });
    expect(await differences(build, [expected], { single: 2e-5 })).toEqual([]);
  });
});

test('operands that do not fit are named with what was expected', () => {
  const [q, rows] = [zeros([2, 3, 4, 10]), zeros([2, 5, 18])];
  const [queryPositions, keyPositions] = [zeros([2, 3], 'i32'), zeros([2, 5], 'i32')];
  const good = { q, rows, queryPositions, keyPositions, groups: 2, sharedDim: 2, scale: 1 };
  expect(latentAttention(good).shape).toEqual([2, 3, 4, 8]);
  expect(() => latentAttention({ ...good, groups: 3 })).toThrow(
    'latentAttention: q f32[2, 3, 4, 10], rows f32[2, 5, 18], positions i32[2, 3] and i32[2, 5] do not fit 3 groups and a shared key of 2: ' +
      'expected [B, n, heads, K + 2] with K up to V and heads a multiple of 3, [B, S, 3 · V + 2], i32[B, n], i32[B, S].',
  );
  expect(() => latentAttention({ ...good, q: zeros([2, 3, 4, 11]) })).toThrow('do not fit');
  expect(() => latentAttention({ ...good, table: zeros([2, 2], 'i32') })).toThrow('table i32[2, 2] do not fit');
  expect(() => latentAttention({ ...good, table: zeros([2, 2], 'i32'), pageSize: 3 })).toThrow(
    '[B or 1, whole pages of 3, 2 · V + 2], i32[B, n], i32[B, S], i32[B, S / 3].',
  );
  expect(latentAttention({ ...good, table: zeros([2, 5], 'i32') }).shape).toEqual([2, 3, 4, 8]);
});
