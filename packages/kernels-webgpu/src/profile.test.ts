import { softwareGpu } from '@tessera/software-gpu';
import { FeatureUnavailableError, add, exp, matmul, sum, trace } from '@tessera/tensor-core';
import { expect, test } from 'vitest';
import { requestWebGpu } from './runtime/request-device.ts';
import { draws, testDevice } from './testing/compare.test-support.ts';

const graph = trace(
  (x, w) => [add(matmul(x!, w!), 1), sum(exp(x!))],
  [
    { shape: [3, 8], dtype: 'f32' },
    { shape: [8, 5], dtype: 'f32' },
  ],
);

test('a profile has a row for every dispatch, in order, and the outputs of a run', async () => {
  const device = await testDevice();
  const program = await device.compile(graph);
  const inputs = [draws([3, 8]), draws([8, 5], 2)];
  const { outputs, rows } = await program.profile(inputs);
  expect(rows).toHaveLength(program.dispatches);
  expect(rows[0]!.label).toMatch(/^matmul/);
  expect(rows.map(({ label }) => label).join()).toContain('sum');
  for (const { microseconds } of rows) expect(microseconds).toBeGreaterThanOrEqual(0);
  const expected = program.run(inputs);
  for (const [index, output] of outputs.entries())
    expect(await device.read(output)).toEqual(await device.read(expected[index]!));
  for (const output of [...outputs, ...expected]) output.dispose();
  program.dispose();
});

test('without timestamps a profile is refused', async () => {
  const device = await requestWebGpu({ gpu: await softwareGpu(), without: ['timestamp-query'] });
  const program = await device!.compile(graph);
  await expect(program.profile([draws([3, 8]), draws([8, 5], 2)])).rejects.toThrow(FeatureUnavailableError);
  device!.dispose();
});
