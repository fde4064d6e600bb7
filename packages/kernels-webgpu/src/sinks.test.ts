import { test } from 'vitest';
import { expectSame } from './testing/compare.test-support.ts';
import { sinkCases } from './testing/sink-cases.test-support.ts';

test.each(sinkCases.map((one) => [one.name, one] as const))('%s', (_, { build, inputs, tolerance }) =>
  expectSame(build, inputs, tolerance),
);
