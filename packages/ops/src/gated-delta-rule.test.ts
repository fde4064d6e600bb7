import { zeros } from '@tessera/tensor-core';
import { describe, expect, test } from 'vitest';
import type { Dense, Tolerance } from './array.reference.ts';
import { dense, differences, randomDense, real } from './array.reference.ts';
import { gatedDeltaRuleReference } from './gated-delta-rule.reference.ts';
import type { GatedDeltaRuleReferenceCall } from './gated-delta-rule.reference.ts';
import { gatedDeltaRuleChunked, gatedDeltaRuleRecurrent } from './gated-delta-rule.ts';
import type { GatedDeltaRuleCall } from './gated-delta-rule.ts';

/** Keys of length 1, as layers make them. */
function unit(x: Dense): Dense {
  const K = x.shape.at(-1)!;
  return dense(x.shape, (place) => {
    const row = x.data.subarray(place - (place % K), place - (place % K) + K);
    return Math.fround(x.data[place]! / Math.hypot(...row));
  });
}

function inputs(T: number, { B = 1, H = 2, K = 4, V = 3 } = {}): GatedDeltaRuleReferenceCall {
  return {
    q: randomDense([B, T, H, K], 1),
    k: unit(randomDense([B, T, H, K], 2)),
    v: randomDense([B, T, H, V], 3),
    g: randomDense([B, T, H], 4, -1, 0),
    beta: randomDense([B, T, H], 5, 0, 1),
    S: randomDense([B, H, K, V], 6),
  };
}

function tensors(call: GatedDeltaRuleReferenceCall): GatedDeltaRuleCall {
  return { q: real(call.q), k: real(call.k), v: real(call.v), g: real(call.g), beta: real(call.beta), S: real(call.S) };
}

/** What the loop over t and the chunks of several sizes get wrong. */
async function wrong(
  call: GatedDeltaRuleReferenceCall,
  { chunks = [16, 64], ...tolerance }: Tolerance & { chunks?: number[] } = {},
): Promise<string[]> {
  const { o, S } = gatedDeltaRuleReference(call);
  const found: string[] = [];
  const check = async (
    name: string,
    run: (inputs: GatedDeltaRuleCall) => { o: unknown; S: unknown },
  ): Promise<void> => {
    const build = () => Object.values(run(tensors(call))) as ReturnType<typeof real>[];
    for (const difference of await differences(build, [o, S], tolerance)) found.push(`${name}: ${difference}`);
  };
  await check('recurrent', gatedDeltaRuleRecurrent);
  for (const chunk of chunks) await check(`chunks of ${chunk}`, (call) => gatedDeltaRuleChunked(call, { chunk }));
  return found;
}

describe('one entry after another, and by chunks, is the recurrence', () => {
  test.each([0, 1, 2, 63, 65])('over %i entries', async (T) => {
    expect(await wrong(inputs(T, { B: 2 }), { chunks: [1, 2, 16, 64], single: 1e-5 })).toEqual([]);
  });

  test('with one head, one key, one value', async () => {
    expect(await wrong(inputs(5, { B: 1, H: 1, K: 1, V: 1 }), { single: 1e-5 })).toEqual([]);
    expect(await wrong(inputs(17, { B: 1, H: 3, K: 2, V: 7 }), { single: 1e-5 })).toEqual([]);
  });

  test('with heads that share queries and keys', async () => {
    const call = inputs(19, { B: 2, H: 6 });
    const [B, T, , K] = call.q.shape as [number, number, number, number];
    const shared = { q: randomDense([B, T, 2, K], 7), k: unit(randomDense([B, T, 2, K], 8)) };
    // Head h reads head ⌊h · 2 / 6⌋.
    const repeated = (x: Dense): Dense =>
      dense([B, T, 6, K], (place) => x.data[(Math.floor(place / (6 * K)) * 2 + Math.floor((Math.floor(place / K) % 6) / 3)) * K + (place % K)]!); // prettier-ignore
    const { o, S } = gatedDeltaRuleReference({ ...call, q: repeated(shared.q), k: repeated(shared.k) });
    for (const rule of [gatedDeltaRuleRecurrent, gatedDeltaRuleChunked])
      expect(
        await differences(() => Object.values(rule(tensors({ ...call, ...shared }))), [o, S], { single: 1e-5 }),
      ).toEqual([]);
  });

  test('without any decay, and with decay so strong that nothing is left', async () => {
    for (const gate of [0, -50, -1e4]) {
      const call = inputs(65);
      expect(await wrong({ ...call, g: dense(call.g.shape, () => gate) }, { single: 1e-5 })).toEqual([]);
    }
  });

  test('with gates that forget all now and then and hardly anything in between', async () => {
    const call = inputs(65);
    for (const strong of [-50, -1e4]) {
      const g = dense(call.g.shape, (place) => (Math.floor(place / 2) % 7 === 3 ? strong : Math.fround(-0.01)));
      expect(await wrong({ ...call, g }, { single: 1e-5 })).toEqual([]);
    }
  });

  test('with keys that are nearly parallel', async () => {
    const call = inputs(65);
    const first = unit(randomDense([4], 7));
    const noise = randomDense(call.k.shape, 8, -1e-3, 1e-3);
    const k = unit(dense(call.k.shape, (place) => first.data[place % 4]! + noise.data[place]!));
    const beta = dense(call.beta.shape, () => 1);
    expect(await wrong({ ...call, k }, { single: 2e-5 })).toEqual([]);
    expect(await wrong({ ...call, k, beta, g: dense(call.g.shape, () => 0) }, { single: 2e-4 })).toEqual([]);
  });

  test('with keys that are zero, and with nothing written', async () => {
    const call = inputs(65);
    const k = dense(call.k.shape, (place) => (Math.floor(place / 8) % 3 === 0 ? 0 : call.k.data[place]!));
    expect(await wrong({ ...call, k }, { single: 1e-5 })).toEqual([]);
    expect(await wrong({ ...call, k: dense(call.k.shape, () => 0) }, { single: 1e-5 })).toEqual([]);
    expect(await wrong({ ...call, beta: dense(call.beta.shape, () => 0) }, { single: 1e-5 })).toEqual([]);
  });

  test('with writing strengths up to 2, where states have negative eigenvalues', async () => {
    const call = inputs(33);
    expect(await wrong({ ...call, beta: randomDense(call.beta.shape, 9, 1, 2) }, { single: 2e-5 })).toEqual([]);
  });
});

test('operands that do not fit are named with what was expected', () => {
  const call = { q: zeros([2, 5, 3, 4]), k: zeros([2, 5, 3, 4]), v: zeros([2, 5, 3, 6]), g: zeros([2, 5, 3]), beta: zeros([2, 5, 3]), S: zeros([2, 3, 4, 6]) }; // prettier-ignore
  expect(gatedDeltaRuleChunked(call).o.shape).toEqual([2, 5, 3, 6]);
  for (const rule of [gatedDeltaRuleChunked, gatedDeltaRuleRecurrent])
    expect(() => rule({ ...call, S: zeros([2, 3, 6, 4]) })).toThrow(
      'gatedDeltaRule: q [2, 5, 3, 4], k [2, 5, 3, 4], v [2, 5, 3, 6], g [2, 5, 3], beta [2, 5, 3], S [2, 3, 6, 4] do not fit: ' +
        'expected [B, T, P, K], [B, T, P, K], [B, T, H, V], [B, T, H], [B, T, H], [B, H, K, V] with H a multiple of P.',
    );
});
