import { readFileSync } from 'node:fs';
import { validate } from '@tessera/plugin';
import { expect, test } from 'vitest';
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

test('the README shows the example as it is', () => {
  const text = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');
  const regions = [...text('../examples/configure.ts').matchAll(/#region \w+\n([\s\S]*?)\n *\/\/ #endregion/g)];
  expect(regions).toHaveLength(2);
  for (const [, code] of regions)
    expect(text('../README.md')).toContain(`\`\`\`ts\n${code!.replace(/^ {2}/gm, '')}\n\`\`\``);
});
