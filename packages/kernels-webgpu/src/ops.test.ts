import { expect, test } from 'vitest';
import { expectSame, testDevice } from './testing/compare.test-support.ts';
import { opCases } from './testing/op-cases.test-support.ts';

test.each(opCases.map((one) => [one.name, one] as const))('%s', (_, { build, inputs, tolerance }) =>
  expectSame(build, inputs, tolerance),
);

test('the software adapter is what these tests ran on', async () => {
  expect((await testDevice()).name).toMatch(/swiftshader/i);
});
