import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { batches } from '../examples/batches.ts';
import { tellStories } from '../examples/stories.ts';
import { byteEncoder } from './tokens/text-encoder.ts';

test('the batches example runs', async () => {
  const play = Array.from({ length: 400 }, (_, i) => `Line ${i} of the play.\n`).join('');
  const { train, validation } = await batches(play, byteEncoder);
  expect((await train.next())!.tokens).toHaveLength(4 * 65);
  expect(validation.batches).toBe(1);
});

test('the stories example runs', async () => {
  const { first, recall, train } = tellStories(byteEncoder);
  expect(first).toMatch(/\.\n.*[."]$/);
  expect(recall.text.toLowerCase()).toContain(recall.answer);
  expect((await train.next())!.tokens).toHaveLength(4 * 257);
});

test.each(['batches', 'stories'])('the README shows the %s example as it is', async (name) => {
  const source = await readFile(new URL(`../examples/${name}.ts`, import.meta.url), 'utf8');
  const region = /#region \w+\n([\s\S]*?)\n *\/\/ #endregion/.exec(source)?.[1]?.replace(/^ {2}/gm, '');
  expect(await readFile(new URL('../README.md', import.meta.url), 'utf8')).toContain(`\`\`\`ts\n${region}\n\`\`\``);
});
