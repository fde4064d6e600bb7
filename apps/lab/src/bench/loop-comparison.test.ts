import { expect, test } from 'vitest';
import type { SequenceForm } from './kernel-case.ts';
import { loopComparisons } from './loop-comparison.ts';
import type { Row } from './row.ts';
import { figuresOf } from './row.ts';
import { statisticsOf } from './statistics.ts';

function row(sequence: SequenceForm, gpu: number | undefined, wall: number): Row {
  const clocks = {
    gpu: gpu === undefined ? undefined : statisticsOf([gpu]),
    wall: statisticsOf([wall]),
    host: statisticsOf([1]),
    dispatches: 1,
  };
  const work = { bytes: 1, flops: 1 };
  return {
    group: 'linear',
    shape: `${sequence.mechanism} ${sequence.form}`,
    dtype: 'f32',
    outcome: 'measured',
    tolerance: 1e-4,
    work,
    sequence,
    figures: figuresOf(clocks, work, undefined),
  };
}

test('chunks are set against as many steps of the loop of their mechanism, by each clock', () => {
  const comparisons = loopComparisons([
    row({ mechanism: 'RetNet', form: 'loop', tokens: 1 }, 50, 50),
    row({ mechanism: 'GLA', form: 'loop', tokens: 1 }, 5, 8),
    row({ mechanism: 'GLA', form: 'chunks', tokens: 1000 }, 100, 200),
  ]);
  expect(comparisons).toEqual([
    {
      mechanism: 'GLA',
      form: 'chunks',
      tokens: 1000,
      shape: 'GLA chunks',
      gpu: { token: 5, loop: 5000, chunks: 100, ratio: 50 },
      wall: { token: 8, loop: 8000, chunks: 200, ratio: 40 },
    },
  ]);
});

test('without exact timestamps only the clock compares, and without a loop or figures nothing does', () => {
  const chunks = row({ mechanism: 'GLA', form: 'chunks', tokens: 10 }, 4, 6);
  const loop = row({ mechanism: 'GLA', form: 'loop', tokens: 1 }, undefined, 3);
  expect(loopComparisons([chunks, loop])).toMatchObject([{ gpu: undefined, wall: { ratio: 5 } }]);
  expect(loopComparisons([chunks])).toEqual([]);
  const { figures, ...wrong } = loop;
  expect(figures).toBeDefined();
  expect(loopComparisons([chunks, { ...wrong, outcome: 'wrong' }])).toEqual([]);
});
