import { readFileSync, readdirSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { assembleHybrid } from '../examples/assemble.ts';
import { loadAndGenerate } from '../examples/load.ts';
import { nextTokens, saveModel, streamText } from '../examples/stream.ts';
import { assembler, llamaDirectory } from './test-models.test-data.ts';

test('the assemble example makes a model that can be saved, and read in batches', async () => {
  await using model = await assembleHybrid();
  expect(model.spec.layers).toHaveLength(3);
  const next = await nextTokens(model);
  const alone = await model.generate([1, 2, 3], { maxNewTokens: 1 });
  expect(next[0]).toBe(alone.newTokenIds[0]);
  const directory = await mkdtemp(join(tmpdir(), 'tessera-example-'));
  try {
    await saveModel(model, directory);
    expect((await readdir(directory)).toSorted()).toEqual(['config.json', 'model.safetensors']);
  } finally {
    await rm(directory, { recursive: true });
  }
});

test('the load example continues a text', async () => {
  const lines: string[] = [];
  const { text, stoppedBy } = await loadAndGenerate(llamaDirectory, (line) => lines.push(line));
  expect(text).toBe("Ah, my lord, and I'll be a book.");
  expect(stoppedBy).toBe('\n');
  expect(lines.at(-1)).toBe('100 %');
});

test('the stream example shows what is generated', async () => {
  await using model = await assembler.load(llamaDirectory);
  let shown = '';
  await streamText(model, 'ROMEO:\n', (text) => (shown += text));
  expect(shown).toMatch(/^.{10,}\(length\)$/s);
});

const text = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');

test.each(readdirSync(new URL('../examples', import.meta.url)))('the README shows %s as it is', (file) => {
  const regions = [...text(`../examples/${file}`).matchAll(/#region \w+\n([\s\S]*?)\n *\/\/ #endregion/g)];
  expect(regions.length).toBeGreaterThan(0);
  for (const [, code] of regions)
    expect(text('../README.md')).toContain(`\`\`\`ts\n${code!.replace(/^ {2}/gm, '')}\n\`\`\``);
});
