import { readFile, readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { answer } from '../examples/guides/generate-in-a-page.ts';

test('the page of the guide answers from picked files', async () => {
  const folder = fileURLToPath(new URL('../../models/llama-4m/', import.meta.url));
  const files = await Promise.all(
    (await readdir(folder)).map(async (name) => new File([await readFile(folder + name)], name)),
  );
  const shown: string[] = [];
  // As much of an element as the page uses.
  const output = {
    set textContent(text: string) {
      shown.push(text);
    },
    append: (text: string) => shown.push(shown.pop() + text),
  } as unknown as HTMLElement;
  await answer(files, 'ROMEO:\n', output);
  expect(shown).toContain('100 %');
  expect(shown.at(-1)).toContain("O, that'st thou not.");
});
