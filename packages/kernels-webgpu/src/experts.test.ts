import { expertLinear, gatedExperts, groupByExpert, groupedLinear, groupedOuter, softmax, topK } from '@tessera/ops';
import type { DType, Tensor } from '@tessera/tensor-core';
import { add, fromHost, gather, pullBack, tensor, trace } from '@tessera/tensor-core';
import { describe, expect, test } from 'vitest';
import { draws, expectSame, testDevice } from './testing/compare.test-support.ts';

const E = 5;

/** How tokens choose: by their number and that of the choice. */
const choices: readonly (readonly [string, (t: number, j: number) => number])[] = [
  ['spread, one expert without tokens', (t, j) => (t * 7 + 3 * j) % (E - 1)],
  ['all tokens to one expert first', (_, j) => (j === 0 ? E - 1 : j - 1)],
];

function whole(shape: readonly number[], rule: (place: number) => number): Tensor {
  const size = shape.reduce((product, extent) => product * extent, 1);
  return fromHost(
    Int32Array.from({ length: size }, (_, place) => rule(place)),
    shape,
  );
}

/** Weights of experts that 16 bits hold exactly. */
function weights(dtype: DType, ...[count, rows, columns]: [number, number, number]): Tensor {
  const value = (place: number): number => (((place * 7) % 23) - 11) / 8;
  const row = (first: number): number[] => Array.from({ length: columns }, (_, c) => value(first + c));
  return tensor(
    Array.from({ length: count }, (_, e) => Array.from({ length: rows }, (__, r) => row((e * rows + r) * columns))),
    { dtype },
  );
}

describe.each(choices)('%s', (_, rule) => {
  test.each([0, 1, 63, 65])(
    'gated experts of %i tokens and their gradients are what the definition says',
    async (n) => {
      const k = 2;
      const [D, F] = n === 63 ? [6, 5] : [8, 12];
      await expectSame(
        (x, experts, w, gate, up, down, dy) => {
          const y = gatedExperts({ x: x!, experts: experts!, weights: w!, gate: gate!, up: up!, down: down!, activation: 'silu' }); // prettier-ignore
          return [y, ...pullBack([y], [dy!], [x!, w!, gate!, up!, down!]).map((each) => each!)];
        },
        [
          draws([n, D]),
          whole([n, k], (place) => rule(Math.floor(place / k), place % k)),
          draws([n, k], 2),
          draws([E, F, D], 3),
          draws([E, F, D], 4),
          draws([E, D, F], 5),
          draws([n, D], 6),
        ],
      );
    },
  );

  test('rows are grouped by expert in order', () =>
    expectSame((experts) => Object.values(groupByExpert(experts!, E)), [whole([300], (place) => rule(place, 0))]));
});

test.each(
  (['f32', 'f16', 'bf16'] as const).flatMap((dtype) => [[70, 24] as const, [33, 7] as const].map((size) => [dtype, ...size] as const)), // prettier-ignore
)('products with weights in %s, [%i, %i]', async (dtype, N, K) => {
  const P = 40;
  await expectSame(
    (x, W, a, offsets, experts) => [
      groupedLinear(x!, W!, offsets!),
      groupedLinear(a!, W!, offsets!, { transposed: true }),
      groupedOuter(a!, x!, offsets!),
      expertLinear(x!, W!, experts!),
    ],
    [
      draws([P, K]),
      weights(dtype, 3, N, K),
      draws([P, N], 2),
      fromHost(Int32Array.of(0, 35, 35, P), [4]),
      whole([2 * P], (place) => place % 3),
    ],
  );
});

test.each([
  [1, 1],
  [3, 5],
  [8, 64],
  [6, 65],
  [20, 300],
] as const)('the %i largest of %i, ties by index', (k, N) =>
  expectSame(
    (x, ties) => {
      const p = softmax(x!);
      const chosen = topK(p, k);
      return [chosen, gather(p, chosen, { batchDims: 2 }), topK(ties!, k)];
    },
    [
      draws([2, 3, N]),
      fromHost(
        Float32Array.from({ length: 3 * N }, (_, place) => -((place * 5) % 3) * 1e30),
        [3, N],
      ),
    ],
  ),
);

test('a token of a decode step groups nothing: gate, up, their product, down, sum, residual', async () => {
  const graph = trace(
    (x, experts, w, gate, up, down) => [
      add(
        x!,
        gatedExperts({ x: x!, experts: experts!, weights: w!, gate: gate!, up: up!, down: down!, activation: 'silu' }),
      ),
    ],
    [
      draws([1, 8]),
      whole([1, 2], (j) => j),
      draws([1, 2]),
      draws([E, 12, 8]),
      draws([E, 12, 8], 2),
      draws([E, 8, 12], 3),
    ],
  );
  const program = await (await testDevice()).compile(graph);
  expect(program.dispatches).toBe(6);
});
