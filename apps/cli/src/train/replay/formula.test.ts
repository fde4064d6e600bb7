import { expect, test } from 'vitest';
import { readFormula } from './formula.ts';

test.each<[string, Record<number, number>]>([
  ['min(1,(step+1)/10)', { 0: 0.1, 9: 1, 50: 1 }],
  ['1 - step / 60', { 0: 1, 30: 0.5 }],
  ['-step**2 + 2*3 - 1', { 2: 1 }],
  ['2 ** -step', { 3: 0.125 }],
  ['0.1+0.9*(1+math.cos(math.pi*step/20))/2', { 0: 1, 20: 0.1 }],
  ['max(step, 3, 2.5e1) - sqrt(step)', { 4: 23 }],
])('%s', (text, expected) => {
  const formula = readFormula(text, 'step');
  if (typeof formula !== 'function') throw new Error(`${formula.unknown} is not understood.`);
  for (const [step, value] of Object.entries(expected)) expect(formula(Number(step))).toBeCloseTo(value, 12);
});

test.each([
  ['steps / 2', 'steps'],
  ['(step + 1', 'its end'],
  ['step +', 'its end'],
  ['step step', 'step'],
  ['tan(step)', 'tan'],
  ['constructor(step)', 'constructor'],
  ['cos(step, 1)', 'cos of 2 values'],
  ['step if step < 3 else 1', 'if'],
])('of %s it is told what is not understood', (text, unknown) => {
  expect(readFormula(text, 'step')).toEqual({ unknown });
});
