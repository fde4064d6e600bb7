import { expect, test } from 'vitest';
import type { Recipe } from '../protocol.ts';
import { curveInWords, figures, showCount, showSpan, summary } from './train-figures.ts';
import { initialTrainState } from './train-state.ts';
import type { TrainState } from './train-state.ts';

const recipe: Recipe = {
  mixing: 'gated-delta-net',
  width: 128,
  layers: 1,
  vocabulary: 1024,
  context: 128,
  batch: 16,
  steps: 1000,
  optimizer: 'adamw',
  learningRate: 0.002,
  seed: 1,
};
const state: TrainState = {
  ...initialTrainState,
  phase: 'training',
  recipe,
  texts: 'files',
  tokens: 1_234_567,
  model: { parameters: 923_000, contextLength: 128 },
  step: 2,
  losses: [7, 6],
  evaluations: [{ step: 2, loss: 6.5 }],
  tokensPerSecond: 20_480,
};

test.each([
  [7, '7'],
  [999, '999'],
  [1000, '1.0 k'],
  [123_456, '123 k'],
  [999_999, '1.0 M'],
  [12_345_678, '12.3 M'],
])('%i is shown as %s', (count, shown) => expect(showCount(count)).toBe(shown));

test.each([
  [0.4, '0 s'],
  [89, '89 s'],
  [90, '2 min'],
  [7200, '2.0 h'],
])('%d seconds are shown as %s', (seconds, shown) => expect(showSpan(seconds)).toBe(shown));

test('a training is summed up in a line', () => {
  expect(summary(state)).toBe(
    'Gated DeltaNet, 1 layer of width 128 · 923 k parameters · your files, 1.2 M tokens · 16 × 128 tokens a step · AdamW',
  );
  expect(summary({ ...state, recipe: undefined, name: 'model.zip' })).toBe('model.zip · 923 k parameters');
});

test('figures tell where it stands, and what is left only while it trains', () => {
  expect(figures(state).map(([, value]) => value)).toEqual(['2 of 1,000', '6.200', '6.500', '20.5 k', '2 min']);
  expect(figures({ ...state, phase: 'paused' }).at(-1)).toEqual(['Time left', '–']);
  expect(figures(initialTrainState)).toEqual([]);
});

test('the curve is told in words', () => {
  expect(curveInWords(state)).toBe(
    'The curve of the loss: from 7.00 at the first step to 6.20 at step 2; of validation 6.50 at step 2',
  );
  expect(curveInWords(initialTrainState)).toContain('still empty');
});
