import { fromHost, gather } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import { draws } from '../gradient-check.test-support.ts';
import type { GradientCase } from '../gradient-check.test-support.ts';
import { expertLinear } from './expert-linear.ts';
import { gatedExperts } from './gated-experts.ts';
import { groupByExpert } from './group-by-expert.ts';
import { groupedLinear, groupedOuter } from './grouped-products.ts';
import { permuteRows } from './permute-rows.ts';
import { topK } from './top-k.ts';

/** How tokens choose among E experts: by their number t and the number j of the choice. */
export const choices: readonly (readonly [string, (t: number, j: number, E: number) => number])[] = [
  ['spread, one expert without tokens', (t, j, E) => (t * 7 + 3 * j) % (E - 1)],
  ['all tokens to one expert first', (_, j, E) => (j === 0 ? E - 1 : j - 1)],
];

/** Experts of n tokens, `[n, k]`. */
function chosenExperts(n: number, k: number, rule: (t: number, j: number) => number): Tensor {
  return fromHost(
    Int32Array.from({ length: n * k }, (_, place) => rule(Math.floor(place / k), place % k)),
    [n, k],
  );
}

const E = 5;

/** Gradients of the ops of experts. */
export const expertsGradientCases: readonly GradientCase[] = [
  ...choices.flatMap(([name, rule]) =>
    [0, 1, 33].map((n): GradientCase => ({
      name: `gated experts of ${n} tokens, ${name}`,
      inputs: [draws([n, 3]), draws([n, 2], 2), draws([E, 4, 3], 3), draws([E, 4, 3], 4), draws([E, 3, 4], 5)],
      build: (x, weights, gate, up, down) => [
        gatedExperts({
          x: x!,
          experts: chosenExperts(n, 2, (t, j) => rule(t, j, E)),
          weights: weights!,
          gate: gate!,
          up: up!,
          down: down!,
          activation: 'silu',
        }),
      ],
    })),
  ),
  ...[0, 1, 9].map((P): GradientCase => ({
    name: `products of ${P} rows grouped by expert`,
    inputs: [draws([P, 3]), draws([E, 2, 3], 2), draws([E, 3, 2], 3), draws([P, 2], 4)],
    build: (x, w, turned, a) => {
      const experts = fromHost(
        Int32Array.from({ length: P }, (_, p) => (p * 3) % (E - 1)),
        [P],
      );
      const { order, places, offsets } = groupByExpert(experts, E);
      const rows = permuteRows(x!, order, places);
      return [
        groupedLinear(rows, w!, offsets),
        groupedLinear(rows, turned!, offsets, { transposed: true }),
        groupedOuter(a!, rows, offsets),
        expertLinear(x!, w!, experts),
      ];
    },
  })),
  {
    name: 'the two largest of seven',
    inputs: [draws([3, 7])],
    build: (x) => [gather(x!, topK(x!, 2), { batchDims: 1 })],
  },
];
