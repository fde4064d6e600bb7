import { readFileSync, readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { train } from '../examples/train.ts';
import { assembler, rowsOf, spec } from './test-models.test-data.ts';

test('the example trains a model that predicts other texts better and better', async () => {
  await using model = await assembler.assemble(spec, { device: 'cpu', seed: 1 });
  const lines: string[] = [];
  await using trained = await train(model, rowsOf(64, 11), rowsOf(4, 11, 9), (line) => lines.push(line));
  expect(lines.map((line) => line.slice(0, 8))).toEqual(['step 20:', 'step 40:', 'step 60:']);
  const [first, , last] = lines.map((line) => Number(line.split(' ').at(-1)));
  expect(last).toBeLessThan(first!);
  expect(last).toBeLessThan(9);
  expect((await trained.generate([1, 4, 13], { maxNewTokens: 3 })).newTokenIds).toHaveLength(3);
});

const text = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');

test.each(readdirSync(new URL('../examples', import.meta.url)))('the README shows %s as it is', (file) => {
  const regions = [...text(`../examples/${file}`).matchAll(/#region \w+\n([\s\S]*?)\n *\/\/ #endregion/g)];
  expect(regions.length).toBeGreaterThan(0);
  for (const [, code] of regions)
    expect(text('../README.md')).toContain(`\`\`\`ts\n${code!.replace(/^ {2}/gm, '')}\n\`\`\``);
});
