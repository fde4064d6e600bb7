import { l2Normalize, linearAttentionChunked, linearAttentionRecurrent, linearAttentionStates } from '@tessera/ops';
import type { LinearAttentionCall, LinearAttentionResult, LinearAttentionVariant } from '@tessera/ops';
import {
  abs,
  fromHost,
  greater,
  iota,
  mul,
  neg,
  pullBack,
  read,
  sigmoid,
  sub,
  trace,
  where,
  zeros,
} from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { WebGpuDevice } from './runtime/webgpu-device.ts';
import { draws, testDevice } from './testing/compare.test-support.ts';
import { differencesFromDefinition, valueOf } from './testing/definition.test-support.ts';
import type { DefinitionOptions } from './testing/definition.test-support.ts';
import { limitedDevice } from './testing/limited-device.test-support.ts';

interface Sizes {
  readonly B?: number;
  readonly T: number;
  readonly P?: number;
  readonly H?: number;
  readonly K?: number;
  readonly V?: number;
}

type Form<Result = LinearAttentionResult> = (call: LinearAttentionCall) => Result;
type AnyForm = Form | Form<ReturnType<typeof linearAttentionStates>>;
type Inputs = { -readonly [name in keyof LinearAttentionCall]: Tensor };

const byChunks =
  (chunk: number): Form =>
  (call) =>
    linearAttentionChunked(call, { chunk });

const variants = (['none', 'scalar', 'vector'] as const).flatMap((decay) =>
  [false, true].map((delta) => [`${decay} decay, ${delta ? 'delta rule' : 'values added'}`, { decay, delta }] as const),
);
const netLike = { decay: 'scalar', delta: true } as const;
const deltaLike = { decay: 'vector', delta: true } as const;

/** Operands as a layer makes them: keys of length 1, log decays up to 0, strengths in (0, 1). */
async function inputs(
  { B = 2, T, P = 2, H = 2, K = 4, V = 6 }: Sizes,
  { decay, delta }: LinearAttentionVariant,
): Promise<Inputs> {
  return {
    q: draws([B, T, P, K], 1),
    k: await valueOf(l2Normalize(draws([B, T, P, K], 2))),
    v: draws([B, T, H, V], 3),
    S: draws([B, H, K, V], 6),
    ...(decay !== 'none' && { g: await valueOf(neg(abs(draws(decay === 'scalar' ? [B, T, H] : [B, T, H, K], 4)))) }),
    ...(delta && { beta: await valueOf(sigmoid(mul(draws([B, T, H], 5), 3))) }),
  };
}

function called<Result>(form: Form<Result>, given: Inputs, x: readonly Tensor[]): Result {
  return form(
    Object.fromEntries(Object.keys(given).map((name, index) => [name, x[index]!])) as unknown as LinearAttentionCall,
  );
}

/** Shapes of what kernels hand on between their passes, and of all inputs and outputs. */
function shapesOf(given: Inputs, chunk: number): readonly (readonly number[])[] {
  const [B, T, H, V] = given.v.shape as [number, number, number, number];
  const K = given.q.shape[3]!;
  const chunks = [Math.ceil(T / chunk), B, H];
  return [[chunk, K], [chunk + 1, K], [chunk, V], [chunk, chunk], [2, chunk, chunk], [K, V], [K], [1]].map((rest) => [...chunks, ...rest]); // prettier-ignore
}

function differences(
  form: AnyForm,
  given: Inputs,
  { chunk = 1, ...options }: DefinitionOptions & { readonly chunk?: number } = {},
): Promise<string[]> {
  return differencesFromDefinition(
    (...x) => Object.values(called<Readonly<Record<string, Tensor>>>((call) => ({ ...form(call) }), given, x)),
    Object.values(given),
    {
      ...options,
      temporaries: shapesOf(given, chunk),
    },
  );
}

/** What the gradients of all operands get wrong, for random cotangents of both results. */
function gradientDifferences(
  given: Inputs,
  { chunk = 8, ...options }: DefinitionOptions & { readonly chunk?: number } = {},
): Promise<string[]> {
  // prettier-ignore
  return differencesFromDefinition(
    (...x) => {
      const { o, S } = called(byChunks(chunk), given, x);
      return pullBack([o, S], [draws(o.shape, 31), draws(S.shape, 32)], x).map((each, index) => each ?? zeros(x[index]!.shape));
    },
    Object.values(given),
    { tolerance: 3e-5, ...options, temporaries: [...shapesOf(given, chunk), ...Object.values(given).map(({ shape }) => shape)] },
  );
}

/** Gates that are strong at some entries, and weak between them. */
async function withGates(strong: number, variant: LinearAttentionVariant): Promise<Inputs> {
  const T = 37;
  const given = await inputs({ T, B: 1 }, variant);
  const { shape, size } = given.g!;
  const gate = (entry: number): number => (entry % 7 === 3 ? strong : -0.01);
  given.g = fromHost(
    Float32Array.from({ length: size }, (_, place) => gate(Math.floor((place * T) / size))),
    shape,
  );
  return given;
}

const oddSizes: readonly (readonly [string, Sizes])[] = [
  ['keys and values of one element', { T: 9, K: 1, V: 1 }],
  ['odd sizes', { T: 11, K: 5, V: 17, B: 1 }],
  ['values of four, keys not', { T: 11, K: 7, V: 8, B: 1 }],
  ['keys of four, values not', { T: 11, K: 36, V: 9, B: 1 }],
  ['value heads that share key heads', { T: 17, B: 1, P: 2, H: 6 }],
  ['more than a tile of keys and values', { T: 9, B: 1, P: 1, H: 1, K: 68, V: 72 }],
];

describe.each(variants)('%s, by chunks', (_, variant) => {
  // Chunks are short here, since the adapter takes seconds to compile the shaders of long ones.
  test.each([
    [1, 8],
    [27, 8],
  ])('%i entries in chunks of %i in four dispatches', async (T, chunk) => {
    expect(await differences(byChunks(chunk), await inputs({ T }, variant), { chunk, dispatches: 4 })).toEqual([]);
  });
});

describe('by chunks', () => {
  test.each([
    [33, 32, netLike],
    [41, 36, deltaLike],
    [70, 64, { decay: 'scalar', delta: false }],
  ] as const)('%i entries in chunks of %i, of more fours than a block', async (T, chunk, variant) => {
    const given = await inputs({ T, B: 1 }, variant);
    expect(await differences(byChunks(chunk), given, { chunk, dispatches: 4 })).toEqual([]);
  });

  test.each(oddSizes)('%s', async (_, sizes) => {
    expect(await differences(byChunks(8), await inputs(sizes, deltaLike), { chunk: 8, dispatches: 4 })).toEqual([]);
  });

  test('keys of more quads than shares', async () => {
    const given = await inputs({ T: 9, B: 1, P: 1, H: 1, K: 132, V: 4 }, netLike);
    expect(await differences(byChunks(8), given, { chunk: 8, dispatches: 4 })).toEqual([]);
  });

  test.each([
    [5, 3, 4],
    [70, 66, 64],
  ])('%i entries in chunks of %i go by chunks of %i', async (T, chunk, taken) => {
    const given = await inputs({ T, B: 1, H: 1, P: 1 }, { decay: 'scalar', delta: false });
    expect(await differences(byChunks(chunk), given, { chunk: taken, dispatches: 4 })).toEqual([]);
  });

  test('rows with padding at their ends', async () => {
    const given = await inputs({ T: 21 }, netLike);
    const [B, T, H] = given.g!.shape as [number, number, number];
    const lengths = fromHost(Int32Array.of(16, 10), [B, 1, 1]);
    const counts = greater(lengths, iota([1, T, H], 1));
    given.g = await valueOf(where(counts, given.g!, 0));
    given.beta = await valueOf(where(counts, given.beta!, 0));
    expect(await differences(byChunks(8), given, { chunk: 8, dispatches: 4 })).toEqual([]);
  });

  test.each([
    [-1e4, netLike],
    [-Infinity, netLike],
    [-Infinity, deltaLike],
    [-60, { decay: 'vector', delta: false }],
  ] as const)('gates of %d now and then, and hardly any decay in between', async (strong, variant) => {
    const given = await withGates(strong, variant);
    expect(await differences(byChunks(16), given)).toEqual([]);
    expect(await differences(linearAttentionRecurrent, given)).toEqual([]);
  });

  test('keys that are nearly parallel, written with full strength and no decay', async () => {
    const given = await inputs({ T: 33, B: 1 }, netLike);
    const noise = await read(draws(given.k.shape, 7));
    const near = fromHost(
      noise.map((x, place) => [0.1, -0.5, 0.7, 0.3][place % 4]! + 1e-3 * x),
      given.k.shape,
    );
    given.k = await valueOf(l2Normalize(near));
    given.g = fromHost(new Float32Array(66), given.g!.shape);
    given.beta = fromHost(new Float32Array(66).fill(1), given.beta!.shape);
    expect(await differences(byChunks(8), given, { tolerance: 2e-4 })).toEqual([]);
  });
});

const oneByOne = [
  ['', linearAttentionRecurrent],
  [', every state', linearAttentionStates],
] as const;

describe.each(variants)('%s, one entry after another', (_, variant) => {
  test.each(oneByOne.flatMap(([name, form]) => [1, 7].map((T) => [T, name, form] as const)))(
    '%i entries in one dispatch%s',
    async (T, __, form) => {
      expect(await differences(form, await inputs({ T }, variant), { dispatches: 1 })).toEqual([]);
    },
  );
});

describe.each(oneByOne)('one entry after another%s', (_, form) => {
  test.each<readonly [string, Sizes]>([
    ['many entries', { T: 65 }],
    ...oddSizes,
    ['the sizes of a model', { T: 2, B: 1, H: 1, P: 1, K: 128, V: 20 }],
    ['keys in more shares than a power of two', { T: 2, B: 1, H: 1, P: 1, K: 260, V: 2 }],
  ])('%s', async (__, sizes) => {
    expect(await differences(form, await inputs(sizes, deltaLike), { dispatches: 1 })).toEqual([]);
  });

  test('no entry leaves the state', async () => {
    expect(await differences(form, await inputs({ T: 0 }, netLike))).toEqual([]);
  });
});

describe('one entry after another', () => {
  test('decay 1 and strength 0 leave the state to the bit', async () => {
    const gpu = await testDevice();
    const { S, ...given } = await inputs({ T: 3 }, netLike);
    const program = await gpu.compile(
      trace(
        (q, k, v, none, state) => [
          linearAttentionRecurrent({ q: q!, k: k!, v: v!, g: none!, beta: none!, S: state! }).S,
        ],
        [given.q, given.k, given.v, given.g!, S],
      ),
    );
    const [after] = program.run([given.q, given.k, given.v, fromHost(new Float32Array(12), given.g!.shape), S]);
    expect(await gpu.read(after!)).toEqual(await read(S));
    program.dispose();
  });
});

describe.each(variants)('%s, gradients by chunks', (_, variant) => {
  test('19 entries in chunks of 8', async () => {
    const dispatches = variant.delta ? 10 : 9;
    expect(await gradientDifferences(await inputs({ T: 19, B: 1 }, variant), { dispatches })).toEqual([]);
  });
});

describe('gradients by chunks', () => {
  test('more chunks than are fetched ahead', async () => {
    const given = await inputs({ T: 22, B: 1 }, { decay: 'vector', delta: false });
    expect(await differences(byChunks(4), given, { chunk: 4, dispatches: 4 })).toEqual([]);
    expect(await gradientDifferences(given, { chunk: 4, dispatches: 9 })).toEqual([]);
  });

  test.each([
    [41, 36, netLike],
    [70, 64, { decay: 'vector', delta: false }],
  ] as const)('%i entries in chunks of %i, of more fours than a block', async (T, chunk, variant) => {
    expect(await gradientDifferences(await inputs({ T, B: 1 }, variant), { chunk })).toEqual([]);
  });

  test.each(oddSizes.filter(([name]) => !name.includes('four')))('%s', async (_, sizes) => {
    expect(await gradientDifferences(await inputs(sizes, deltaLike))).toEqual([]);
  });

  test.each([
    [-Infinity, netLike],
    [-Infinity, { decay: 'vector', delta: false }],
  ] as const)('gates of %d now and then, and hardly any decay in between', async (strong, variant) => {
    expect(await gradientDifferences(await withGates(strong, variant), { chunk: 16 })).toEqual([]);
  });
});

describe('states before the chunks that no buffer can hold', () => {
  // 9 chunks of 4 entries, each with 2 KiB of a state, and at most as much of anything else.
  const sizes = { T: 34, B: 1, P: 1, H: 1, K: 32, V: 16 };
  let device: WebGpuDevice;
  beforeAll(async () => void (device = await limitedDevice({ maxStorageBufferBindingSize: 8 * 2048 })));
  afterAll(() => device.dispose());

  test.each([
    ['a prompt goes', false],
    ['its gradient goes', true],
  ])('%s by kernels in two parts', async (_, gradient) => {
    const given = await inputs(sizes, netLike);
    const build = (...x: readonly Tensor[]): Tensor[] => {
      const { o, S } = called(byChunks(4), given, x);
      return gradient ? (pullBack([o, S], [draws(o.shape, 31), draws(S.shape, 32)], x) as Tensor[]) : [o, S];
    };
    const part = await inputs({ ...sizes, T: 20 }, netLike);
    const temporaries = [...shapesOf(part, 4), ...Object.values(part).map(({ shape }) => shape)];
    // Four dispatches for each part; back four for the state between them, and ten for each. The others cut and join operands.
    const options = { device, temporaries, tolerance: 3e-5, dispatches: gradient ? 30 : 11 };
    expect(await differencesFromDefinition(build, Object.values(given), options)).toEqual([]);
  });
});

describe('gradients of strong gates', () => {
  /** What the gradient of g gets wrong, of gates near −12, as large as the others' so that its own digits count. */
  async function gateDifferences(T: number, chunk: number, variant: LinearAttentionVariant): Promise<string[]> {
    const given = await inputs({ T, B: 1, P: 1, H: 1, K: 8, V: 8 }, variant);
    given.g = await valueOf(sub(mul(draws(given.g!.shape, 4), 2), 12));
    const place = Object.keys(given).indexOf('g');
    const build = (...x: readonly Tensor[]): Tensor[] => {
      const { o, S } = called(byChunks(chunk), given, x);
      return [mul(pullBack([o, S], [draws(o.shape, 31), draws(S.shape, 32)], [x[place]!])[0]!, Math.exp(12))];
    };
    return differencesFromDefinition(build, Object.values(given), { temporaries: shapesOf(given, chunk) });
  }

  test.each([
    [0, 16, netLike],
    [1, 4, deltaLike],
    [63, 16, netLike],
    [65, 16, deltaLike],
    [64, 64, { decay: 'scalar', delta: false }],
    [65, 64, { decay: 'vector', delta: false }],
  ] as const)('of %i entries in chunks of %i keep their digits', async (T, chunk, variant) => {
    expect(await gateDifferences(T, chunk, variant)).toEqual([]);
  });
});
