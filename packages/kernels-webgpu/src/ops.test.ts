import { expect, test } from 'vitest';
import { expectSame, testDevice } from './testing/compare.test-support.ts';
import { opCases } from './testing/op-cases.test-support.ts';

for (const { name, build, inputs, tolerance } of opCases) test(name, () => expectSame(build, inputs, tolerance));

test('the software adapter is what these tests ran on', async () => {
  expect((await testDevice()).name).toMatch(/swiftshader/i);
});
