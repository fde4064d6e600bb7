import { expect, test } from 'vitest';
import { oursShapes } from '../tensors/rule-shapes.ts';
import { oursNames } from '../rule-names.ts';
import { mixturePart } from './mixture-part.ts';

const [E, F, D] = [3, 4, 5];
const settings = { experts: E, expertsPerToken: 2, hidden: F, activation: 'silu', router: {} };
const each = (name: string, ...shape: number[]): [string, number[]][] =>
  Array.from({ length: E }, (_, e) => [`experts.${e}.${name}.weight`, shape]);

/** The ways in which experts are published, all the same matrices of ours. */
const files: readonly [string, readonly [string, number[]][]][] = [
  ['a tensor for each map of each expert', [...each('gate_proj', F, D), ...each('up_proj', F, D), ...each('down_proj', D, F)]], // prettier-ignore
  ['gate and up of an expert in one', [...each('gate_up_proj', 2 * F, D), ...each('down_proj', D, F)]],
  ['all experts in one', [['experts.gate_up_proj', [E, 2 * F, D]], ['experts.down_proj', [E, D, F]]]], // prettier-ignore
];

test.each(files)('%s', (_, experts) => {
  const present = new Map<string, readonly number[]>([['gate.weight', [E, D]], ...experts]);
  const rules = mixturePart(settings, { dModel: D }).rules((name) => present.get(name));
  const ours = rules.flatMap((rule) => {
    const shapes = oursShapes(rule, (name) => present.get(name)!);
    return oursNames(rule).map((name, index): [string, readonly number[]] => [name, shapes[index]!]);
  });
  expect(Object.fromEntries(ours)).toEqual({
    router: [E, D],
    gate_proj: [E, F, D],
    up_proj: [E, F, D],
    down_proj: [E, D, F],
  });
});
