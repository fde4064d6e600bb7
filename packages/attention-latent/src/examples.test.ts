import { readFileSync } from 'node:fs';
import { validate } from '@tessera/plugin';
import { expect, test } from 'vitest';
import { configure, memoryOf, table } from '../examples/configure.ts';

const text = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');

test('the settings of the example fit', () => {
  for (const { mixer, config } of configure()) {
    const checked = validate<object>(mixer.config, config, 'config');
    expect(Object.keys(mixer.params({ config: checked, dModel: 1024, layer: 0, layers: 1 })).length).toBeGreaterThan(3);
  }
});

test('the memory of the example is 292 numbers a slot, in whole pages', () => {
  expect(memoryOf(640)).toEqual({ growth: 'linear', bytes: 4 * (640 * (288 + 1) + 1 + 10) });
  expect(memoryOf(641).bytes).toBe(memoryOf(704).bytes);
});

test('the README has the table as it is computed', () => {
  for (const line of table()) {
    const [name, perRank, intensity] = line.split(/[:;] /) as [string, string, string];
    const cells = [name, ...perRank.split(', '), intensity].map((cell) => ` *${cell.replace('.', '\\.')} *`);
    expect(text('../README.md')).toMatch(new RegExp(`\\|${cells.join('\\|')}\\|`));
  }
});

test('the README shows the example as it is', () => {
  const regions = [...text('../examples/configure.ts').matchAll(/#region \w+\n([\s\S]*?)\n *\/\/ #endregion/g)];
  expect(regions).toHaveLength(3);
  for (const [, code] of regions)
    expect(text('../README.md')).toContain(`\`\`\`ts\n${code!.replace(/^ {2}/gm, '')}\n\`\`\``);
});
