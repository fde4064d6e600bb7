import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { streaming } from '../examples/stream.ts';

const text = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');

test('the model of the example generates far past the positions that it was made for', async () => {
  await using model = await streaming();
  expect(model.contextLength).toBe(64);
});

test('the README shows the example as it is', () => {
  const [, code] = /#region stream\n([\s\S]*?)\n *\/\/ #endregion/.exec(text('../examples/stream.ts'))!;
  expect(text('../README.md')).toContain(`\`\`\`ts\n${code!.replace(/^ {2}/gm, '')}\n\`\`\``);
});
