import { test } from 'vitest';
import { expectSame } from './testing/compare.test-support.ts';
import { gradientCases } from './testing/gradient-cases.test-support.ts';

test.each(gradientCases.map((one) => [one.name, one] as const))('%s', (_, { build, inputs, tolerance }) =>
  expectSame(build, inputs, tolerance),
);
