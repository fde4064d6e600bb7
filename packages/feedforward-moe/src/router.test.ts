import { validate } from '@tessera/plugin';
import { CpuDevice, add, read, tensor } from '@tessera/tensor-core';
import { describe, expect, test } from 'vitest';
import { draw } from './draws.test-support.ts';
import { routerFields } from './router-config.ts';
import type { RouterConfig } from './router-config.ts';
import { routeReference } from './router.reference.ts';
import { route } from './router.ts';

const E = 8;
const k = 3;
const device = new CpuDevice({ precision: 'f64' });

const settings: readonly [string, RouterConfig][] = [
  ['softmax', {}],
  ['softmax over the chosen alone', { normalize: true }],
  ['sigmoid with a bias', { scores: 'sigmoid', selectionBias: true, normalize: true, normalizeEps: 1e-20, scale: 2.5 }],
  ['the best groups', { groups: { count: 4, chosen: 2, by: 'best' }, scale: 0.5 }],
  [
    'groups by their two best, with negative scores',
    { scores: 'sigmoid', selectionBias: true, groups: { count: 2, chosen: 1, by: 'best-two' } },
  ],
];

function full(config: RouterConfig): Required<RouterConfig> {
  return validate(routerFields, config, 'router');
}

describe.each(settings)('%s', (_, given) => {
  const config = full(given);
  const logits = draw([65, E], 1, -3, 3);
  const bias = config.selectionBias ? draw([E], 2, -2, 0.5) : undefined;

  test('chooses and weighs as brute force does', async () => {
    const { experts, weights } = route(tensor(logits), config, k, bias && tensor(bias));
    const [chosen, own] = [await read(experts, device), await read(weights, device)];
    for (const [t, row] of logits.entries()) {
      const expected = routeReference(row as number[], config, k, bias as number[] | undefined);
      expect(Array.from(chosen.slice(t * k, (t + 1) * k))).toEqual(expected.experts);
      expected.weights.forEach((weight, j) => expect(own[t * k + j]).toBeCloseTo(weight, 12));
    }
  });
});

test('a bias changes who is chosen and never what they count', async () => {
  const config = full({ scores: 'sigmoid', selectionBias: true });
  const logits = tensor(draw([5, E], 1, -3, 3));
  const bias = tensor(draw([E], 2));
  const [plain, shifted] = [route(logits, config, k, bias), route(logits, config, k, add(bias, 7))];
  expect(await read(shifted.experts, device)).toEqual(await read(plain.experts, device));
  expect(await read(shifted.weights, device)).toEqual(await read(plain.weights, device));
  const raised = route(logits, config, 1, tensor([0, 0, 0, 0, 0, 9, 0, 0]));
  expect([...(await read(raised.experts, device))]).toEqual([5, 5, 5, 5, 5]);
  const scores = await read(raised.scores, device);
  expect([...(await read(raised.weights, device))]).toEqual([0, 1, 2, 3, 4].map((t) => scores[t * E + 5]));
});

test('of equal scores the expert with the lowest index is chosen', async () => {
  const { experts } = route(tensor([[1, 2, 1, 2, 2]]), full({}), 4);
  expect([...(await read(experts))]).toEqual([1, 3, 4, 0]);
});
