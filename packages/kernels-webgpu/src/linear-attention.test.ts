import { linearAttentionChunked, linearAttentionRecurrent, l2Normalize } from '@tessera/ops';
import type { LinearAttentionCall } from '@tessera/ops';
import { abs, fromHost, greater, iota, mul, neg, read, sigmoid, trace, where } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import { describe, expect, test } from 'vitest';
import { draws, testDevice } from './testing/compare.test-support.ts';
import { differencesFromDefinition, valueOf } from './testing/definition.test-support.ts';
import type { DefinitionOptions } from './testing/definition.test-support.ts';

interface Sizes {
  readonly B?: number;
  readonly T: number;
  readonly P?: number;
  readonly H?: number;
  readonly K?: number;
  readonly V?: number;
}

type Rule = (call: LinearAttentionCall) => { readonly o: Tensor; readonly S: Tensor };
type Inputs = { -readonly [name in keyof LinearAttentionCall]-?: Tensor };

const byChunks =
  (chunk: number): Rule =>
  (call) =>
    linearAttentionChunked(call, { chunk });

/** Operands as a layer makes them: keys of length 1, log decays up to 0, strengths in (0, 1). */
async function inputs({ B = 2, T, P = 2, H = 2, K = 4, V = 6 }: Sizes): Promise<Inputs> {
  return {
    q: draws([B, T, P, K], 1),
    k: await valueOf(l2Normalize(draws([B, T, P, K], 2))),
    v: draws([B, T, H, V], 3),
    g: await valueOf(neg(abs(draws([B, T, H], 4)))),
    beta: await valueOf(sigmoid(mul(draws([B, T, H], 5), 3))),
    S: draws([B, H, K, V], 6),
  };
}

function differences(
  rule: Rule,
  given: Inputs,
  { chunk = 1, ...options }: DefinitionOptions & { readonly chunk?: number } = {},
): Promise<string[]> {
  const [B, T, H, V] = given.v.shape as [number, number, number, number];
  const K = given.q.shape[3]!;
  const rows = B * H * Math.ceil(T / chunk) * chunk;
  return differencesFromDefinition(
    (q, k, v, g, beta, S) => Object.values(rule({ q: q!, k: k!, v: v!, g: g!, beta: beta!, S: S! })),
    Object.values(given),
    { ...options, temporaries: [[rows, K], [rows, K + V], [rows, chunk], [rows / chunk]] },
  );
}

describe('one entry after another', () => {
  test.each([1, 2, 7, 63, 65])('%i entries in one dispatch', async (T) => {
    expect(await differences(linearAttentionRecurrent, await inputs({ T }), { dispatches: 1 })).toEqual([]);
  });

  test.each<[string, Sizes]>([
    ['keys and values of one element', { T: 3, K: 1, V: 1 }],
    ['odd sizes', { T: 5, K: 5, V: 17 }],
    ['keys in two shares, the second not full', { T: 4, K: 23, V: 3 }],
    ['value heads that share key heads', { T: 4, B: 1, P: 2, H: 6 }],
    ['the sizes of a model', { T: 2, B: 1, H: 1, P: 1, K: 128, V: 20 }],
    ['keys in sixteen shares', { T: 2, B: 1, H: 1, P: 1, K: 260, V: 2 }],
  ])('%s', async (_, sizes) => {
    expect(await differences(linearAttentionRecurrent, await inputs(sizes), { dispatches: 1 })).toEqual([]);
  });

  test('no entry leaves the state', async () => {
    expect(await differences(linearAttentionRecurrent, await inputs({ T: 0 }))).toEqual([]);
  });

  test('decay 1 and strength 0 leave the state to the bit', async () => {
    const gpu = await testDevice();
    const { S, ...given } = await inputs({ T: 3 });
    const program = await gpu.compile(
      trace(
        (q, k, v, none, state) => [
          linearAttentionRecurrent({ q: q!, k: k!, v: v!, g: none!, beta: none!, S: state! }).S,
        ],
        [given.q, given.k, given.v, given.g, S],
      ),
    );
    const [after] = program.run([given.q, given.k, given.v, fromHost(new Float32Array(12), given.g.shape), S]);
    expect(await gpu.read(after!)).toEqual(await read(S));
    program.dispose();
  });
});

describe('by chunks', () => {
  // Chunks are short here, since the adapter takes seconds to compile the shaders of long ones.
  test.each([
    [1, 8],
    [8, 8],
    [65, 8],
    [13, 4],
    [33, 32],
    [41, 36],
  ])('%i entries in chunks of %i in three dispatches', async (T, chunk) => {
    expect(await differences(byChunks(chunk), await inputs({ T }), { chunk, dispatches: 3 })).toEqual([]);
  });

  test.each<[string, Sizes]>([
    ['keys and values of one element', { T: 9, K: 1, V: 1 }],
    ['odd sizes', { T: 11, K: 5, V: 17 }],
    ['values of four, keys not', { T: 11, K: 7, V: 8 }],
    ['keys of four, values not', { T: 11, K: 36, V: 9 }],
    ['value heads that share key heads', { T: 17, B: 1, P: 2, H: 6 }],
    ['keys of more quads than shares', { T: 9, B: 1, P: 1, H: 1, K: 132, V: 4 }],
  ])('%s', async (_, sizes) => {
    expect(await differences(byChunks(8), await inputs(sizes), { chunk: 8, dispatches: 3 })).toEqual([]);
  });

  test('chunks of a length that no kernel takes go by the definition', async () => {
    expect(await differences(byChunks(3), await inputs({ T: 4, B: 1 }))).toEqual([]);
  });

  test('rows with padding at their ends', async () => {
    const given = await inputs({ T: 21 });
    const [B, T, H] = given.g.shape as [number, number, number];
    const lengths = fromHost(Int32Array.of(16, 10), [B, 1, 1]);
    const counts = greater(lengths, iota([1, T, H], 1));
    given.g = await valueOf(where(counts, given.g, 0));
    given.beta = await valueOf(where(counts, given.beta, 0));
    expect(await differences(byChunks(8), given, { chunk: 8, dispatches: 3 })).toEqual([]);
  });

  test('gates that forget all now and then and hardly anything in between', async () => {
    const given = await inputs({ T: 37 });
    const g = Float32Array.from({ length: given.g.shape.reduce((a, b) => a * b) }, (_, place) =>
      Math.floor(place / 2) % 7 === 3 ? -1e4 : -0.01,
    );
    given.g = fromHost(g, given.g.shape);
    expect(await differences(byChunks(8), given)).toEqual([]);
    expect(await differences(linearAttentionRecurrent, given)).toEqual([]);
  });

  test('keys that are nearly parallel, written with full strength and no decay', async () => {
    const given = await inputs({ T: 33, B: 1 });
    const noise = await read(draws(given.k.shape, 7));
    const near = fromHost(
      noise.map((x, place) => [0.1, -0.5, 0.7, 0.3][place % 4]! + 1e-3 * x),
      given.k.shape,
    );
    given.k = await valueOf(l2Normalize(near));
    given.g = fromHost(new Float32Array(66), given.g.shape);
    given.beta = fromHost(new Float32Array(66).fill(1), given.beta.shape);
    expect(await differences(byChunks(8), given, { tolerance: 2e-4 })).toEqual([]);
  });
});
