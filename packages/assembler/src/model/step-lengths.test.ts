import { expect, test } from 'vitest';
import { nextStep, stepLengths } from './step-lengths.ts';

/** Lengths of the steps that read a text. */
function stepsOf(tokens: number, device: { onHost: boolean }, capacity = 4096): number[] {
  const steps: number[] = [];
  for (let left = tokens; left > 0; left -= steps.at(-1)!) steps.push(nextStep(left, stepLengths(device, capacity)));
  return steps;
}

test.each([
  [1, [1]],
  [5, [8]],
  [3, [1, 1, 1]],
  [140, [128, 8, 8]],
  [200, [128, 128]],
])('on the host %i tokens are read by %j', (tokens, steps) => {
  expect(stepsOf(tokens, { onHost: true })).toEqual(steps);
});

test.each([
  [1, [32]],
  [40, [32, 32]],
  [64, [128]],
  [170, [128, 32, 32]],
  [255, [128, 128]],
  [256, [512]],
  [1200, [512, 512, 128, 32, 32]],
])('on a GPU %i tokens are read by %j', (tokens, steps) => {
  expect(stepsOf(tokens, { onHost: false })).toEqual(steps);
});

test('no step is longer than a session, but for the shortest', () => {
  expect(stepLengths({ onHost: false }, 511)).toEqual([32]);
  expect(stepLengths({ onHost: false }, 4)).toEqual([32]);
  expect(stepsOf(300, { onHost: false }, 400)).toHaveLength(10);
});
