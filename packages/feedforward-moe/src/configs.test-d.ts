import type { MixtureConfig } from './mixture.ts';

const sizes = { experts: 8, expertsPerToken: 2, hidden: 64 };

/** Settings that are right. */
export const right: readonly MixtureConfig[] = [
  sizes,
  { ...sizes, activation: 'gelu', router: { normalize: true }, shared: { hidden: 64, gate: true } },
  {
    ...sizes,
    router: { scores: 'sigmoid', selectionBias: true, groups: { count: 4, chosen: 2, by: 'best-two' }, scale: 2.5 },
    balance: 0.01,
    zLoss: 1e-3,
  },
];

/** Settings that are wrong: each is a type error. */
export const wrong: readonly MixtureConfig[] = [
  // @ts-expect-error -- the width of an expert has no default
  { experts: 8, expertsPerToken: 2 },
  // @ts-expect-error -- the setting is called expertsPerToken
  { ...sizes, topK: 2 },
  // @ts-expect-error -- there are no such scores
  { ...sizes, router: { scores: 'relu' } },
  // @ts-expect-error -- groups say how many are chosen
  { ...sizes, router: { groups: { count: 4, by: 'best' } } },
  // @ts-expect-error -- a shared expert has a width
  { ...sizes, shared: true },
];
