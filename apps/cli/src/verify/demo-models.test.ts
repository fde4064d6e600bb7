import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { storyTexts } from '@tessera/data';
import { expect, test } from 'vitest';
import { cliAssembler } from '../load-model.ts';
import { runTessera } from '../testing/run-tessera.test-support.ts';

const models = fileURLToPath(new URL('../../../models/', import.meta.url));
const storyModels = ['story-llama', 'story-gated-delta-net', 'story-grouped-conv', 'story-mla', 'story-mosaic'];

test.each(['llama-4m', 'story-llama', 'story-gated-delta-net'])(
  '%s, which Tessera trained, is to transformers what it is here',
  async (name) => {
    const { status, stdout } = await runTessera(['verify', models + name, '--device', 'cpu', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ greedyEqual: true, pass: true });
    expect(status).toBe(0);
  },
);

test.each([...storyModels, 'story-draft'])('%s foretells stories that it has not seen', async (name) => {
  const folder = mkdtempSync(join(tmpdir(), 'stories-'));
  const files: string[] = [];
  for await (const { text } of storyTexts(6, { seed: 0x5eed }).pieces()) {
    files.push(join(folder, `${files.length}.txt`));
    writeFileSync(files.at(-1)!, text);
  }
  const { status, stdout } = await runTessera([
    'eval',
    '--model',
    models + name,
    ...files,
    '--device',
    'cpu',
    '--json',
  ]);
  expect(status).toBe(0);
  // Trained models are near half a nat a token; with a part amiss they are far above.
  expect((JSON.parse(stdout) as { loss: number }).loss).toBeLessThan(1);
});

test.each(storyModels)('%s reads a story token by token as in chunks, and begins one itself', async (name) => {
  await using model = await cliAssembler().load(models + name, { device: 'cpu' });
  const { tokenizer } = model.text!;
  const prompt = tokenizer.encode('Once there was');
  let text = '';
  for await (const piece of model.stream('Once there was', { maxNewTokens: 40, temperature: 0 })) text += piece.text;
  // Somebody who has a name.
  expect(text).toMatch(/^ an? [a-z]+ [a-z]+ (named|called) [A-Z][a-z]+/);
  const ids = [...prompt, ...tokenizer.encode(text)];
  using inChunks = await model.session();
  using byToken = await model.session();
  const logits = await inChunks.feed([ids]);
  let last = logits;
  for (const id of ids) last = await byToken.feed([[id]]);
  expect(Math.max(...last.map((value, index) => Math.abs(value - logits[index]!)))).toBeLessThan(1e-3);
});
