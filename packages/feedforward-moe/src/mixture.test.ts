import { gated } from '@tessera/feedforward';
import { validate } from '@tessera/plugin';
import type { ParamSpec } from '@tessera/plugin';
import type { NestedNumbers, Tensor } from '@tessera/tensor-core';
import { CpuDevice, add, concat, grad, randomKey, read, slice, square, sum, tensor } from '@tessera/tensor-core';
import { describe, expect, test } from 'vitest';
import { draw } from './draws.test-support.ts';
import { mixture } from './mixture.ts';
import type { MixtureConfig, MixtureParams } from './mixture.ts';

const D = 6;
const device = new CpuDevice({ precision: 'f64' });

interface Made {
  readonly config: Required<MixtureConfig>;
  readonly params: Record<string, Tensor>;
}

function make(
  given: MixtureConfig,
  change: (name: string, values: NestedNumbers[]) => NestedNumbers[] = (_, v) => v,
): Made {
  const config = validate(mixture.config, given, 'config');
  const specs = Object.entries(mixture.params({ config, dModel: D, layer: 0, layers: 1 })) as [string, ParamSpec][];
  const params = specs.map(([name, { shape }], index) => [name, tensor(change(name, draw(shape, index + 1)))]);
  return { config, params: Object.fromEntries(params) as Record<string, Tensor> };
}

function run({ config, params }: Made, x: Tensor, training = false): ReturnType<typeof mixture.forward> {
  return mixture.forward({ params: params as unknown as MixtureParams, config, x, training });
}

const values = async (x: Tensor): Promise<number[]> => [...(await read(x, device))];
const tokens = (n: number, seed = 9): Tensor => tensor([draw([n, D], seed)]);

/** The dense feed-forward that all experts are, as expert 0 of a mixture. */
async function dense({ params }: Made, x: Tensor): Promise<number[]> {
  const first = (name: string): Tensor => params[name]!;
  const config = validate(gated.config, { hidden: 4 }, 'config');
  const at = (name: string): Promise<number[]> => values(slice(first(name), 0, 0, 1));
  const [gate, up, down] = [await at('gate_proj'), await at('up_proj'), await at('down_proj')];
  const rows = (flat: number[], width: number): number[][] =>
    Array.from({ length: flat.length / width }, (_, r) => flat.slice(r * width, (r + 1) * width));
  const own = { gate_proj: tensor(rows(gate, D)), up_proj: tensor(rows(up, D)), down_proj: tensor(rows(down, 4)) };
  return values(gated.forward({ params: own, config, x }).y);
}

describe('experts that are all the same', () => {
  const same = (name: string, v: NestedNumbers[]): NestedNumbers[] =>
    /^(?:gate|up|down)_proj$/.test(name) ? v.map(() => v[0]!) : v;

  test.each([
    ['two of five, normalised', { experts: 5, expertsPerToken: 2, router: { normalize: true } }],
    ['all of five', { experts: 5, expertsPerToken: 5 }],
    ['the only one', { experts: 1, expertsPerToken: 1, router: { normalize: true } }],
  ])('%s, are the dense feed-forward', async (_, given) => {
    const made = make({ hidden: 4, ...given }, same);
    for (const n of [0, 1, 40]) {
      const expected = n === 0 ? [] : await dense(made, tokens(n));
      const y = await values(run(made, n === 0 ? slice(tokens(1), 1, 0, 0) : tokens(n)).y);
      expect(y).toHaveLength(n * D);
      y.forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, 12));
    }
  });
});

test('a token does not depend on the others, and permuted tokens give permuted results', async () => {
  const made = make({ experts: 4, expertsPerToken: 2, hidden: 3, shared: { hidden: 5, gate: true, bias: true } });
  const [a, b] = [tokens(20), tokens(20, 77)];
  const y = await values(run(made, a).y);
  expect((await values(run(made, concat([a, b], 1)).y)).slice(0, y.length)).toEqual(y);
  const swapped = await values(run(made, concat([slice(a, 1, 5), slice(a, 1, 0, 5)], 1)).y);
  expect(swapped).toEqual([...y.slice(5 * D), ...y.slice(0, 5 * D)]);
  // A few tokens at a time go another way.
  const apart = await values(run(made, slice(a, 1, 3, 4)).y);
  apart.forEach((value, i) => expect(value).toBeCloseTo(y[3 * D + i]!, 12));
});

describe('losses', () => {
  const uniform = (name: string, v: NestedNumbers[]): NestedNumbers[] =>
    name === 'router' ? v.map(() => Array.from({ length: D }, () => 0)) : v;

  test('are there in training alone, and where they have a weight', () => {
    const given = { experts: 4, expertsPerToken: 2, hidden: 3 };
    expect(run(make({ ...given, balance: 0.1, zLoss: 0.1 }), tokens(3)).aux).toBeUndefined();
    expect(run(make(given), tokens(3), true).aux).toBeUndefined();
    expect(run(make({ ...given, balance: 0.1 }), tokens(3), true).aux?.shape).toEqual([]);
  });

  test.each([
    ['softmax', 2, 2 * 0.5],
    ['sigmoid', 3, 3 * 0.5],
  ] as const)(
    'a uniform %s router with %i experts a token has a loss of balance of that number',
    async (scores, expertsPerToken, expected) => {
      const made = make({ experts: 4, expertsPerToken, hidden: 3, router: { scores }, balance: 0.5 }, uniform);
      expect(await values(run(made, tokens(7), true).aux!)).toEqual([expect.closeTo(expected, 12)]);
    },
  );

  test('may be one of the whole stack, which the router then only tells of itself', async () => {
    const given = { experts: 4, expertsPerToken: 2, hidden: 3, balance: 0.5 };
    const { aux, balance } = run(make({ ...given, balanceOver: 'stack' }), tokens(7), true);
    expect(aux).toBeUndefined();
    expect(run(make({ ...given, balanceOver: 'stack' }), tokens(7)).balance).toBeUndefined();
    const [f, P] = [await values(balance!.chosen), await values(balance!.scores)];
    expect(f.reduce((a, b) => a + b)).toBeCloseTo(2, 12);
    expect(P.reduce((a, b) => a + b)).toBeCloseTo(1, 12);
    const own = f.reduce((total, share, e) => total + share * P[e]!, 0);
    expect(balance!.weight * 4 * own).toBeCloseTo((await values(run(make(given), tokens(7), true).aux!))[0]!, 12);
  });

  test('the loss of logits is the mean square of their log-sum-exp', async () => {
    const made = make({ experts: 4, expertsPerToken: 1, hidden: 3, zLoss: 2 }, uniform);
    expect(await values(run(made, tokens(7), true).aux!)).toEqual([expect.closeTo(2 * Math.log(4) ** 2, 12)]);
  });
});

test('the router has a gradient also where one expert is chosen, its bias has none', async () => {
  const made = make({ experts: 4, expertsPerToken: 1, hidden: 3, router: { selectionBias: true } });
  const lossOf = (p: Record<string, Tensor>): Tensor => sum(square(run({ ...made, params: p }, tokens(33)).y));
  const gradients = grad(lossOf)(made.params);
  const router = await values(gradients['router']!);
  expect(router.some((value) => Math.abs(value) > 1e-3)).toBe(true);
  expect(await values(gradients['router_bias']!)).toEqual([0, 0, 0, 0]);
  // Along one element, far from any change of choice.
  const moved = async (by: number): Promise<number> => {
    const shift = tensor([0, 1, 2, 3].map((e) => Array.from({ length: D }, (_, i) => (e === 1 && i === 2 ? by : 0))));
    return (await values(lossOf({ ...made.params, router: add(made.params['router']!, shift) })))[0]!;
  };
  expect(((await moved(1e-5)) - (await moved(-1e-5))) / 2e-5).toBeCloseTo(router[D + 2]!, 5);
});

test('noise of the router is there in training alone, and follows from its key', async () => {
  const made = make({ experts: 4, expertsPerToken: 2, hidden: 3, router: { jitter: 0.2 } });
  const [x, still] = [tokens(3), await values(run(make({ experts: 4, expertsPerToken: 2, hidden: 3 }), tokens(3)).y)];
  const call = { params: made.params as unknown as MixtureParams, config: made.config, x };
  expect(await values(mixture.forward({ ...call, random: randomKey(1) }).y)).toEqual(still);
  const shaken = (seed: number): Promise<number[]> =>
    values(mixture.forward({ ...call, training: true, random: randomKey(seed) }).y);
  expect(await shaken(1)).toEqual(await shaken(1));
  expect(await shaken(1)).not.toEqual(await shaken(2));
});

test.each<[string, Partial<MixtureConfig>, string]>([
  [
    'more experts than there are',
    { expertsPerToken: 9 },
    'mixture: expertsPerToken is 9, expected at most experts = 8',
  ],
  [
    'groups that do not divide',
    { router: { groups: { count: 3, chosen: 1, by: 'best' } } },
    'mixture: router.groups.count is 3, expected a divisor of experts = 8',
  ],
  [
    'more groups than there are',
    { router: { groups: { count: 2, chosen: 3, by: 'best' } } },
    'mixture: router.groups.chosen is 3, expected at most router.groups.count = 2.',
  ],
  [
    'two of one',
    { router: { groups: { count: 8, chosen: 4, by: 'best-two' } } },
    "mixture: router.groups.by is 'best-two' and a group has one expert.",
  ],
  [
    'groups that hold too few',
    { expertsPerToken: 3, router: { groups: { count: 4, chosen: 1, by: 'best' } } },
    'mixture: router.groups.chosen = 1 groups of 2 hold 2 experts, expected at least expertsPerToken = 3.',
  ],
])('%s are refused', (_, given, message) => {
  expect(() => make({ experts: 8, expertsPerToken: 2, hidden: 3, ...given })).toThrow(message);
});
