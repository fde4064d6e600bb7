import { CpuDevice, pullBack, read, zeros } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import { describe, expect, test } from 'vitest';
import type { Dense, Tolerance } from '../array.reference.ts';
import { dense, differences, randomDense, real } from '../array.reference.ts';
import type { LinearAttentionCall, LinearAttentionResult } from './linear-attention-call.ts';
import { constants, entries, nameOf, operands, unit, variants } from './linear-attention-cases.test-support.ts';
import { linearAttentionChunked } from './linear-attention-chunked.ts';
import { linearAttentionRecurrent, linearAttentionStates } from './linear-attention-recurrent.ts';
import type { LinearAttentionReferenceCall } from './linear-attention.reference.ts';
import { lastState, linearAttentionReference } from './linear-attention.reference.ts';

type Form = (call: LinearAttentionCall) => LinearAttentionResult;

const byChunks =
  (chunk: number): Form =>
  (call) =>
    linearAttentionChunked(call, { chunk });

/** What the loop over t and the chunks of several sizes get wrong. */
async function wrong(
  call: LinearAttentionReferenceCall,
  { chunks = [16, 64], given = constants(call), ...tolerance }: Tolerance & { chunks?: number[]; given?: LinearAttentionCall } = {}, // prettier-ignore
): Promise<string[]> {
  const { o, states } = linearAttentionReference(call);
  const found: string[] = [];
  const check = async (name: string, form: Form): Promise<void> => {
    const build = (): Tensor[] => {
      const made = form(given);
      return [made.o, made.S];
    };
    for (const difference of await differences(build, [o, lastState(call.S, states)], { single: 1e-5, ...tolerance }))
      found.push(`${name}: ${difference}`);
  };
  await check('recurrent', linearAttentionRecurrent);
  for (const chunk of chunks) await check(`chunks of ${chunk}`, byChunks(chunk));
  return found;
}

const each = variants.map((variant) => [nameOf(variant), variant] as const);

describe.each(each)('%s', (_, variant) => {
  test.each([0, 1, 2, 15, 16, 17, 53, 63, 64, 65])('%i entries: every form is the recurrence', async (T) => {
    expect(
      await wrong(operands(T, variant, { B: T < 60 ? 2 : 1 }), { chunks: T < 20 ? [1, 2, 16, 64] : [16, 64] }),
    ).toEqual([]);
  });

  test('odd sizes', async () => {
    expect(await wrong(operands(5, variant, { H: 1, K: 1, V: 1 }))).toEqual([]);
    expect(await wrong(operands(17, variant, { H: 3, K: 2, V: 7 }))).toEqual([]);
  });

  test.each([
    [0, {}],
    [1, {}],
    [17, { B: 2 }],
    [5, { H: 3, K: 2, V: 7 }],
  ])('%i entries: the state after each', async (T, sizes) => {
    const call = operands(T, variant, sizes);
    const { o, states } = linearAttentionReference(call);
    const build = (): Tensor[] => Object.values(linearAttentionStates(constants(call)));
    expect(await differences(build, [o, states], { single: 1e-5 })).toEqual([]);
  });

  test('heads of values share those of queries and keys', async () => {
    const call = operands(19, variant, { B: 2, H: 6 });
    const [B, T, , K] = call.q.shape as [number, number, number, number];
    const shared = { q: randomDense([B, T, 2, K], 7), k: unit(randomDense([B, T, 2, K], 8)) };
    // Head h reads head ⌊h · 2 / 6⌋.
    const repeated = (x: Dense): Dense =>
      dense([B, T, 6, K], (place) => x.data[(Math.floor(place / (6 * K)) * 2 + Math.floor((Math.floor(place / K) % 6) / 3)) * K + (place % K)]!); // prettier-ignore
    const given = { ...constants(call), q: real(shared.q), k: real(shared.k) };
    expect(await wrong({ ...call, q: repeated(shared.q), k: repeated(shared.k) }, { given })).toEqual([]);
  });

  test('a state handed on at every point gives what one pass gives', async () => {
    const T = 9;
    const call = operands(T, variant);
    const { o, states } = linearAttentionReference(call);
    for (const form of [linearAttentionRecurrent, byChunks(4)])
      for (let split = 0; split <= T; split++) {
        const build = (): Tensor[] => {
          const first = form(constants(entries(call, 0, split)));
          const second = form({ ...constants(entries(call, split, T)), S: first.S });
          return [first.o, second.o, second.S];
        };
        const part = (from: number, to: number): Dense =>
          dense([1, to - from, 2, 3], (place) => o.data[from * 6 + place]!);
        const expected = [part(0, split), part(split, T), lastState(call.S, states)];
        expect(await differences(build, expected, { single: 1e-5 })).toEqual([]);
      }
  });

  test('what comes later leaves no trace in what came before, to the bit', async () => {
    const [T, t] = [21, 10];
    const call = operands(T, variant);
    const other = operands(T, variant);
    const changed = (x: Dense, seed: number): Dense => {
      const row = x.data.length / T;
      const fresh = randomDense(x.shape, seed, x === other.g ? -3 : -1, x === other.g ? 0 : 1);
      return dense(x.shape, (place) => (place < t * row ? x.data[place]! : fresh.data[place]!));
    };
    const later = {
      q: changed(other.q, 21),
      k: changed(other.k, 22),
      v: changed(other.v, 23),
      S: other.S,
      ...(other.g && { g: changed(other.g, 24) }),
      ...(other.beta && { beta: changed(other.beta, 25) }),
    };
    for (const device of [new CpuDevice(), new CpuDevice({ definitionsOnly: true })])
      for (const form of [linearAttentionRecurrent, byChunks(4), byChunks(16)]) {
        const [a, b] = await Promise.all([call, later].map((one) => read(form(constants(one)).o, device)));
        expect(a!.subarray(0, t * 6)).toEqual(b!.subarray(0, t * 6));
        expect(a!.subarray(t * 6)).not.toEqual(b!.subarray(t * 6));
      }
  });

  test('no gradient flows from an output to a later entry', async () => {
    const [T, t] = [11, 5];
    const given = constants(operands(T, variant));
    const device = new CpuDevice({ precision: 'f64' });
    for (const form of [linearAttentionRecurrent, byChunks(4)]) {
      const { o } = form(given);
      const cotangent = real(dense(o.shape, (place) => (place < t * 6 ? 1 + (place % 5) : 0)));
      const inputs = Object.entries(given).filter(([name, x]) => x !== undefined && name !== 'S') as [string, Tensor][];
      const made = pullBack([o], [cotangent], inputs.map(([, x]) => x)); // prettier-ignore
      for (const [index, [name]] of inputs.entries()) {
        const gradient = await read(made[index]!, device);
        const row = gradient.length / T;
        const largest = (part: ArrayLike<number>): number => Math.max(0, ...Array.from(part, Math.abs));
        expect({ name, after: largest(gradient.subarray(t * row)) }).toEqual({ name, after: 0 });
        expect(largest(gradient.subarray(0, t * row))).toBeGreaterThan(1e-3);
      }
    }
  });

  test('padding leaves the state as it is, to the bit', async () => {
    const { S, ...given } = constants(operands(18, variant));
    const none = Object.fromEntries(
      Object.entries(given).map(([name, x]) => [name, x && zeros(x.shape)]),
    ) as typeof given;
    for (const form of [linearAttentionRecurrent, byChunks(4), byChunks(16)])
      for (const device of [new CpuDevice(), new CpuDevice({ definitionsOnly: true })])
        expect(await read(form({ ...none, S }).S, device)).toEqual(await read(S, device));
  });
});

describe.each(each.filter(([, { decay }]) => decay !== 'none'))('%s, strong gates', (_, variant) => {
  const withGates = (T: number, gate: (entry: number) => number): LinearAttentionReferenceCall => {
    const call = operands(T, variant);
    const row = call.g!.data.length / T;
    return { ...call, g: dense(call.g!.shape, (place) => gate(Math.floor(place / row))) };
  };

  test.each([0, -50, -1e4, -Infinity])('%d at every entry', async (gate) => {
    expect(await wrong(withGates(65, () => gate))).toEqual([]);
  });

  test.each([-50, -1e4, -Infinity])('%d now and then, and weak gates in between', async (gate) => {
    const call = withGates(65, (entry) => (entry % 7 === 3 ? gate : Math.fround(-0.01)));
    expect(await wrong(call)).toEqual([]);
  });

  test('documents packed one after another, each begun by a gate of −∞, are what each is alone', async () => {
    const starts = [0, 5, 6, 23, 33];
    const call = withGates(33, (entry) => (starts.includes(entry) ? -Infinity : Math.fround(-0.1)));
    const empty = dense(call.S.shape, () => 0);
    for (const form of [linearAttentionRecurrent, byChunks(8)]) {
      const all = await read(form(constants(call)).o);
      for (const [document, start] of starts.slice(0, -1).entries()) {
        const alone = linearAttentionReference({ ...entries(call, start, starts[document + 1]!), S: empty }).o;
        for (const [place, value] of alone.data.entries()) expect(all[start * 6 + place]).toBeCloseTo(value, 5);
      }
    }
  });

  test('gates of −∞ have gradients that are numbers', async () => {
    const given = constants(withGates(13, (entry) => (entry % 5 === 2 ? -Infinity : -0.2)));
    const inputs = Object.values(given).filter((x) => x !== undefined) as Tensor[];
    for (const form of [linearAttentionRecurrent, byChunks(4)]) {
      const { o, S } = form(given);
      for (const gradient of pullBack([o, S], [o, S], inputs))
        expect((await read(gradient!)).every((x) => Number.isFinite(x))).toBe(true);
    }
  });
});

describe('reductions', () => {
  const forms = [linearAttentionRecurrent, byChunks(8)] as const;
  const [scalar, vector, none] = (['scalar', 'vector', 'none'] as const).map((decay) => ({ decay, delta: true }));

  test.each([true, false])('equal decays of all keys are one decay of the head (delta rule: %s)', async (delta) => {
    const call = operands(21, { ...scalar!, delta });
    const [, , H] = call.g!.shape as [number, number, number];
    const spread = dense([1, 21, H, 4], (place) => call.g!.data[Math.floor(place / 4)]!);
    const { o, states } = linearAttentionReference(call);
    for (const form of forms)
      expect(
        await differences(
          () => Object.values(form(constants({ ...call, g: spread }))),
          [o, lastState(call.S, states)],
          {
            single: 1e-5,
          },
        ),
      ).toEqual([]);
  });

  test.each([scalar!, vector!])('decays of 1 are no decay: $decay', async (variant) => {
    const call = operands(21, variant);
    const { o } = linearAttentionReference(operands(21, none!));
    for (const form of forms)
      expect(
        await differences(() => [form(constants({ ...call, g: dense(call.g!.shape, () => 0) })).o], [o], {
          single: 1e-5,
        }),
      ).toEqual([]);
  });
});

describe('the delta rule', () => {
  const scalar = { decay: 'scalar', delta: true } as const;

  test('with orthonormal keys and full strength stores values and gives them back; writing a key again replaces its value', async () => {
    const K = 4;
    const key = (t: number, i: number): number => Number(t % K === i);
    const call = {
      q: dense([1, 8, 1, K], (place) => key(Math.floor(place / K) + 1, place % K)),
      k: dense([1, 8, 1, K], (place) => key(Math.floor(place / K), place % K)),
      // Of few bits, so that sums of them are exact.
      v: dense([1, 8, 1, 3], (place) => ((place * 7) % 31) / 8 - 2),
      S: dense([1, 1, K, 3], () => 0),
      beta: dense([1, 8, 1], () => 1),
    };
    for (const form of [linearAttentionRecurrent, byChunks(8), byChunks(3)]) {
      const { o, S } = form(constants(call));
      // After eight writes to four keys the last four values are there, and the query asks for the oldest of them.
      expect([...(await read(S))]).toEqual([...call.v.data.subarray(12)]);
      expect([...(await read(o))].slice(21)).toEqual([...call.v.data.subarray(12, 15)]);
    }
  });

  test('keys that are nearly parallel', async () => {
    const call = operands(65, scalar);
    const first = unit(randomDense([4], 7));
    const noise = randomDense(call.k.shape, 8, -1e-3, 1e-3);
    const k = unit(dense(call.k.shape, (place) => first.data[place % 4]! + noise.data[place]!));
    const beta = dense(call.beta!.shape, () => 1);
    expect(await wrong({ ...call, k }, { single: 2e-5 })).toEqual([]);
    expect(await wrong({ ...call, k, beta, g: dense(call.g!.shape, () => 0) }, { single: 2e-4 })).toEqual([]);
  });

  test('keys and strengths that are zero', async () => {
    const call = operands(65, scalar);
    const k = dense(call.k.shape, (place) => (Math.floor(place / 8) % 3 === 0 ? 0 : call.k.data[place]!));
    expect(await wrong({ ...call, k })).toEqual([]);
    expect(await wrong({ ...call, k: dense(call.k.shape, () => 0) })).toEqual([]);
    expect(await wrong({ ...call, beta: dense(call.beta!.shape, () => 0) })).toEqual([]);
  });

  test.each(['none', 'scalar', 'vector'] as const)('strengths up to 2, decay %s', async (decay) => {
    const call = operands(33, { decay, delta: true });
    expect(await wrong({ ...call, beta: randomDense(call.beta!.shape, 9, 1, 2) }, { single: 5e-5 })).toEqual([]);
  });
});

test('operands that do not fit are refused', () => {
  const call = { q: zeros([2, 5, 3, 4]), k: zeros([2, 5, 3, 4]), v: zeros([2, 5, 3, 6]), S: zeros([2, 3, 4, 6]), g: zeros([2, 5, 3]), beta: zeros([2, 5, 3]) }; // prettier-ignore
  expect(linearAttentionChunked(call).o.shape).toEqual([2, 5, 3, 6]);
  for (const form of [linearAttentionChunked, linearAttentionRecurrent])
    expect(() => form({ ...call, S: zeros([2, 3, 6, 4]) })).toThrow(
      'linearAttention: q [2, 5, 3, 4], k [2, 5, 3, 4], v [2, 5, 3, 6], S [2, 3, 6, 4], g [2, 5, 3], beta [2, 5, 3] do not fit: ' +
        'expected q and k [B, T, P, K], v [B, T, H, V], S [B, H, K, V], g [B, T, H] or [B, T, H, K], beta [B, T, H], with H a multiple of P.',
    );
  expect(() => linearAttentionChunked(call, { chunk: 0 })).toThrow(
    'linearAttentionChunked: chunk is 0, expected a whole number from 1 on.',
  );
});
