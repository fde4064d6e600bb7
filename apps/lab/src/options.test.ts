import { expect, test } from 'vitest';
import { readOptions } from './options.ts';

test('without options everything is measured as a page sees the adapter', () => {
  expect(readOptions([])).toMatchObject({
    scale: 'full',
    native: false,
    only: undefined,
    dtypes: ['f16', 'bf16', 'f32'],
    seconds: 420,
  });
  expect(readOptions(['--quick', '--native'])).toMatchObject({ scale: 'quick', native: true, dtypes: ['f16'] });
});

test('sections, weights and time are chosen', () => {
  const { only, dtypes, seconds, texts } = readOptions([
    '--only=model,gemv',
    '--dtypes=f32',
    '--seconds=30',
    '--texts=27',
  ]);
  expect([...only!]).toEqual(['model', 'gemv']);
  expect(dtypes).toEqual(['f32']);
  expect([seconds, texts]).toEqual([30, 27]);
});

test('checkpoints are those that are named, else the story models of the repository, which a dry run does without', () => {
  const { directories } = readOptions(['--models=a,b', '--draft=c', '--heads=d']);
  expect(directories).toEqual({ models: ['a', 'b'], draft: 'c', heads: 'd' });
  expect(readOptions([]).directories.models).toEqual([
    expect.stringMatching(/story-llama$/),
    expect.stringMatching(/story-gated-delta-net$/),
  ]);
  expect(readOptions(['--dry']).directories).toEqual({ models: [], draft: undefined, heads: undefined });
});

test.each([
  [['--only=gemm'], "--only names 'gemm', which is none of roofs, matmul, gemv"],
  [['--dtypes=f64'], "--dtypes names 'f64', which is none of f16, bf16, f32"],
  [['--quick', '--dry'], '--quick and --dry do not go together'],
  [['--native', '--dry'], 'a dry run is on the software adapter'],
  [['--seconds=soon'], '--seconds=soon: expected a number above 0'],
  [['--texts=0'], '--texts=0: expected a whole number from 1'],
  [['--fast'], "Unknown option '--fast'"],
])('%j is refused', (args, message) => {
  expect(() => readOptions(args)).toThrow(message);
});
