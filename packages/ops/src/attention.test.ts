import { cast, zeros } from '@tessera/tensor-core';
import { describe, expect, test } from 'vitest';
import { bool, dense, differences, randomDense, real, whole } from './array.reference.ts';
import type { Dense } from './array.reference.ts';
import { attentionReference } from './attention.reference.ts';
import type { AttentionReferenceCall } from './attention.reference.ts';
import { attention } from './attention.ts';

interface Sizes {
  readonly B?: number;
  readonly n: number;
  readonly S: number;
  readonly H?: number;
  readonly G?: number;
  readonly K?: number;
  readonly V?: number;
}

function inputs({ B = 2, n, S, H = 2, G = H, K = 4, V = 3 }: Sizes): AttentionReferenceCall {
  return {
    q: randomDense([B, n, H, K], 1, -3, 3),
    k: randomDense([B, S, G, K], 2, -3, 3),
    v: randomDense([B, S, G, V], 3),
    queryPositions: dense([B, n], (place) => Math.max(0, S - n) + (place % n)),
    keyPositions: dense([B, S], (place) => place % S),
  };
}

async function wrong({
  q,
  k,
  v,
  queryPositions,
  keyPositions,
  mask,
  pinned,
  sinkLogits,
  ...settings
}: AttentionReferenceCall): Promise<string[]> {
  const further = { ...(mask && { mask }), ...(pinned && { pinned }), ...(sinkLogits && { sinkLogits }) };
  const call = { q, k, v, queryPositions, keyPositions, ...further, ...settings };
  const build = () => [
    attention({
      q: real(q),
      k: real(k),
      v: real(v),
      queryPositions: whole(queryPositions),
      keyPositions: whole(keyPositions),
      ...(mask && { mask: bool(mask) }),
      ...(pinned && { pinned: { slots: pinned.slots, q: real(pinned.q) } }),
      ...(sinkLogits && { sinkLogits: real(sinkLogits) }),
      ...settings,
    }),
  ];
  return differences(build, [attentionReference(call)], { single: 2e-5 });
}

/** The same numbers in another order along the second axis. */
function reordered({ shape, data }: Dense, order: readonly number[]): Dense {
  const row = data.length / shape[0]! / shape[1]!;
  return dense(shape, (place) => {
    const [b, s] = [Math.floor(place / row / shape[1]!), Math.floor(place / row) % shape[1]!];
    return data[(b * shape[1]! + order[s]!) * row + (place % row)]!;
  });
}

describe('attention is the sum over visible keys', () => {
  const sizes: Sizes[] = [
    { n: 1, S: 1 },
    { n: 1, S: 65 },
    { n: 63, S: 65, B: 1 },
    { n: 65, S: 65, B: 1, H: 1 },
    { n: 3, S: 7, H: 6, G: 2 },
    { n: 33, S: 40, H: 4, G: 1, B: 1 },
    { n: 5, S: 5, H: 1, K: 1, V: 1 },
    { n: 4, S: 3 },
    { n: 0, S: 4 },
    { n: 3, S: 0 },
    { n: 40, S: 0 },
  ];
  test.each(sizes)('of %o', async (each) => {
    expect(await wrong(inputs(each))).toEqual([]);
    expect(await wrong({ ...inputs(each), causal: false })).toEqual([]);
  });

  test.each([1, 2, 7, 100])('in a window of %i, causal and not, for few and for many queries', async (window) => {
    for (const n of [4, 34]) {
      expect(await wrong({ ...inputs({ n, S: 36 }), window })).toEqual([]);
      expect(await wrong({ ...inputs({ n, S: 36 }), window, causal: false })).toEqual([]);
    }
  });

  test('with soft caps and scales', async () => {
    for (const n of [4, 34]) {
      expect(await wrong({ ...inputs({ n, S: 36 }), softCap: 2, scale: 0.9 })).toEqual([]);
      expect(await wrong({ ...inputs({ n, S: 36, H: 4, G: 2 }), softCap: 50, scale: -1, window: 5 })).toEqual([]);
    }
  });

  test('under a mask, and zeros for a query that sees nothing', async () => {
    for (const n of [5, 33]) {
      const call = inputs({ n, S: 35 });
      const random = randomDense([2, n, 35], 4);
      const mask = dense([2, n, 35], (place) =>
        Math.floor(place / 35) % 3 === 1 ? 0 : Number(random.data[place]! > 0),
      );
      expect(await wrong({ ...call, mask })).toEqual([]);
      expect(await wrong({ ...call, mask, causal: false, window: 3 })).toEqual([]);
      expect(attentionReference({ ...call, mask }).data.slice(6, 12)).toEqual(new Float64Array(6));
    }
  });

  test('over slots in any order, empty ones among them', async () => {
    for (const n of [3, 35]) {
      const call = inputs({ n, S: 37, H: 4, G: 2 });
      const order = Array.from({ length: 37 }, (_, s) => (s * 11 + 5) % 37);
      const turned = {
        ...call,
        k: reordered(call.k, order),
        v: reordered(call.v, order),
        keyPositions: reordered(call.keyPositions, order),
      };
      expect(await wrong({ ...turned, window: 9 })).toEqual([]);
      const [there, here] = [attentionReference(turned), attentionReference(call)];
      expect(there.data.findIndex((o, i) => Math.abs(o - here.data[i]!) > 1e-12)).toBe(-1);
      const holes = dense([2, 37], (place) => (place % 4 === 2 ? -1 : turned.keyPositions.data[place]!));
      expect(await wrong({ ...turned, keyPositions: holes })).toEqual([]);
      expect(await wrong({ ...turned, keyPositions: dense([2, 37], () => -1), causal: false })).toEqual([]);
    }
  });

  test('when the rows of a batch are at other positions', async () => {
    const call = inputs({ n: 4, S: 12, B: 3 });
    const queryPositions = dense(
      [3, 4],
      (place) =>
        [
          [0, 1, 2, 3],
          [8, 2, 2, 5],
          [11, 11, 0, 4],
        ].flat()[place]!,
    );
    expect(await wrong({ ...call, queryPositions })).toEqual([]);
    expect(await wrong({ ...call, queryPositions, window: 4, causal: false })).toEqual([]);
  });

  test('with pinned slots that queries of their own meet at any distance, few and many of them', async () => {
    for (const n of [3, 35]) {
      const call = inputs({ n, S: 37, H: 4, G: 2 });
      for (const slots of [1, 4, 33, 37]) {
        const pinned = { slots, q: randomDense(call.q.shape, 7, -3, 3) };
        expect(await wrong({ ...call, pinned })).toEqual([]);
        expect(await wrong({ ...call, pinned, window: 3, softCap: 4 })).toEqual([]);
        expect(await wrong({ ...call, pinned, window: 2, causal: false })).toEqual([]);
        const plain = attentionReference(call).data;
        expect(attentionReference({ ...call, pinned }).data.some((o, i) => Math.abs(o - plain[i]!) > 1e-3)).toBe(true);
      }
    }
  });

  test('with logits of sinks', async () => {
    for (const n of [3, 35]) {
      const call = inputs({ n, S: 37, H: 4, G: 2 });
      const sinkLogits = randomDense([4], 8, -4, 4);
      expect(await wrong({ ...call, sinkLogits })).toEqual([]);
      expect(await wrong({ ...call, sinkLogits, window: 3, softCap: 4 })).toEqual([]);
      const holes = dense([2, 37], () => -1);
      expect(await wrong({ ...call, sinkLogits, keyPositions: holes })).toEqual([]);
      expect(await wrong({ ...call, sinkLogits, pinned: { slots: 2, q: call.q }, window: 4 })).toEqual([]);
    }
  });

  test('with scores so large that e^score overflows', async () => {
    const call = inputs({ n: 2, S: 3, B: 1, H: 1, V: 1 });
    const scaled = {
      ...call,
      q: dense(call.q.shape, () => 300),
      k: dense(call.k.shape, (place) => (place < 4 ? 1 : -1)),
    };
    const build = () => [
      attention({
        q: real(scaled.q), k: real(scaled.k), v: real(call.v), queryPositions: whole(call.queryPositions),
        keyPositions: whole(call.keyPositions),
      }), // prettier-ignore
    ];
    expect(await differences(build, [dense([1, 2, 1, 1], () => call.v.data[0]!)])).toEqual([]);
  });
});

// Read by 1 query in loops and by 40 in products of matrices. Memories that learn their keys and values keep them so.
test.each([1, 3, 40])(
  'keys and values kept in 16 bits are read as the numbers that they are, by %i queries',
  async (n) => {
    const quarters = (shape: readonly number[]): Dense => dense(shape, (place) => ((place * 37) % 19) / 4 - 2);
    const call = { ...inputs({ n, S: 40 }), k: quarters([2, 40, 2, 4]), v: quarters([2, 40, 2, 3]) };
    for (const dtype of ['f16', 'bf16'] as const) {
      const build = () => [
        attention({
          q: real(call.q),
          k: cast(real(call.k), dtype),
          v: cast(real(call.v), dtype),
          queryPositions: whole(call.queryPositions),
          keyPositions: whole(call.keyPositions),
        }),
      ];
      expect(await differences(build, [attentionReference(call)], { single: 2e-5 })).toEqual([]);
    }
  },
);

test('operands that do not fit are named with what was expected', () => {
  const [q, k, v] = [zeros([2, 3, 4, 8]), zeros([2, 5, 2, 8]), zeros([2, 5, 2, 6])];
  const [queryPositions, keyPositions] = [zeros([2, 3], 'i32'), zeros([2, 5], 'i32')];
  const good = { q, k, v, queryPositions, keyPositions };
  expect(attention(good).shape).toEqual([2, 3, 4, 6]);
  expect(() => attention({ ...good, k: zeros([2, 5, 3, 8]), v: zeros([2, 5, 3, 6]) })).toThrow(
    'attention: q [2, 3, 4, 8], k [2, 5, 3, 8], v [2, 5, 3, 6], positions i32[2, 3] and i32[2, 5] do not fit: ' +
      'expected [B, n, heads, K], [B, S, kvHeads, K], [B, S, kvHeads, V], i32[B, n], i32[B, S] with heads a multiple of kvHeads.',
  );
  expect(() => attention({ ...good, queryPositions: zeros([1, 3], 'i32') })).toThrow(
    'positions i32[1, 3] and i32[2, 5] do not fit',
  );
  expect(() => attention({ ...good, keyPositions: zeros([2, 5]) })).toThrow(
    'positions i32[2, 3] and f32[2, 5] do not fit',
  );
  expect(() => attention({ ...good, mask: zeros([3, 5], 'bool') })).toThrow('mask bool[3, 5] do not fit');
  expect(() => attention({ ...good, pinned: { slots: 6, q } })).toThrow('q of 6 pinned slots [2, 3, 4, 8] do not fit');
  expect(() => attention({ ...good, sinkLogits: zeros([2]) })).toThrow('sink logits f32[2] do not fit');
});
