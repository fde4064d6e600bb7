import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { induction } from '../examples/induction.ts';

const text = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');

test('the example predicts what followed its last token before, and reads it from there', async () => {
  expect(await induction([3, 1, 4, 2, 3])).toEqual({ next: 1, readFrom: 0 });
  expect(await induction([5, 2, 7, 0, 2])).toEqual({ next: 7, readFrom: 1 });
});

test('the README shows the examples as they are', () => {
  const regions = ['../examples/induction.ts', '../examples/configure.ts'].flatMap((path) => [
    ...text(path).matchAll(/#region \w+\n([\s\S]*?)\n *\/\/ #endregion/g),
  ]);
  expect(regions).toHaveLength(4);
  for (const [, code] of regions)
    expect(text('../README.md')).toContain(`\`\`\`ts\n${code!.replace(/^ {2}/gm, '')}\n\`\`\``);
});
