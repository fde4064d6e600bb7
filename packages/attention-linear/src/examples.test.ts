import { readFileSync } from 'node:fs';
import { validate } from '@tessera/plugin';
import { fromHost } from '@tessera/tensor-core';
import { expect, test } from 'vitest';
import { runByItself } from '../examples/by-itself.ts';
import { configure, memoryOf } from '../examples/configure.ts';

test('the settings of the example fit', () => {
  for (const { mixer, config } of configure()) validate(mixer.config, config, 'config');
  expect(configure().map(({ mixer }) => mixer.name)).toEqual([
    '@tessera/attention-linear:gated-delta-net',
    '@tessera/attention-linear:short-convolution',
  ]);
});

test.each([1, 1_000_000])('the memory of the example is the same for %i positions', (capacity) => {
  expect(memoryOf(capacity)).toEqual({ growth: 'constant', bytes: 74_752 });
});

test('a mixer by itself steps to what it gives at once, and has a gradient of each of its tensors', async () => {
  let drawn = 0;
  const { whole, steps, gradients } = await runByItself(({ shape }) => {
    const size = shape.reduce((product, extent) => product * extent, 1);
    return fromHost(
      Float32Array.from({ length: size }, () => Math.sin(++drawn) / 4),
      shape,
    );
  });
  expect(whole).toHaveLength(16);
  for (let d = 0; d < 16; d++) expect(steps[d]).toBeCloseTo(whole[d]!, 5);
  expect(Math.max(...Array.from(whole, Math.abs))).toBeGreaterThan(0.01);
  expect(gradients).toContain('A_log');
  expect(gradients).toContain('conv');
});

test('the README shows the examples as they are', () => {
  const text = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');
  const regions = ['configure', 'by-itself'].flatMap((name) => [
    ...text(`../examples/${name}.ts`).matchAll(/#region \w+\n([\s\S]*?)\n *\/\/ #endregion/g),
  ]);
  expect(regions).toHaveLength(6);
  for (const [, code] of regions)
    expect(text('../README.md')).toContain(`\`\`\`ts\n${code!.replace(/^ {2}/gm, '')}\n\`\`\``);
});
