import { readFileSync, readdirSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { assembleHybrid } from '../examples/assemble.ts';
import { loadAndGenerate } from '../examples/load.ts';
import { continueTogether, generateAnyway, nextTokens, saveModel, streamText } from '../examples/stream.ts';
import { DeviceLostError } from '@tessera/tensor-core';
import { createAssembler } from './assembler.ts';
import { BesideDevice, assembler, families, llamaDirectory, smallSpec } from './test-models.test-data.ts';

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
  expect(text).toBe("O, that'st thou not.");
  expect(stoppedBy).toBe('\n');
  expect(lines.at(-1)).toBe('100 %');
});

test('the stream example shows what is generated', async () => {
  await using model = await assembler.load(llamaDirectory);
  let shown = '';
  await streamText(model, 'ROMEO:\n', (text) => (shown += text));
  expect(shown).toMatch(/^.{10,}\(length\)$/s);
});

test('the example of choices continues texts together as each alone, by its own seed', async () => {
  await using model = await assembler.assemble(smallSpec, { device: 'cpu' });
  const steps = await continueTogether(model, [
    [1, 2, 3],
    [4, 5],
  ]);
  const alone = await model.generate([1, 2, 3], { temperature: 0.5, seed: 7, maxNewTokens: 8 });
  expect(steps.map(([id]) => id)).toEqual(alone.newTokenIds);
});

test('the example of a reload goes on after the loss of a device', async () => {
  let lost = false;
  class Fragile extends BesideDevice {
    override read(...call: Parameters<BesideDevice['read']>): ReturnType<BesideDevice['read']> {
      return lost ? Promise.reject(new DeviceLostError('The GPU device was lost.')) : super.read(...call);
    }
  }
  const devices: Fragile[] = [];
  const webgpu = (): Promise<Fragile> => {
    lost = false;
    devices.push(new Fragile());
    return Promise.resolve(devices.at(-1)!);
  };
  const backed = createAssembler({ plugins: families, backends: { webgpu } });
  await using model = await backed.assemble(smallSpec, { device: 'webgpu' });
  const ids = await generateAnyway(model, [1, 2]);
  lost = true;
  expect(await generateAnyway(model, [1, 2])).toEqual(ids);
  expect(devices).toHaveLength(2);
  expect(devices[0]!.allocatedBytes).toBe(0);
});

const text = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');

test.each(readdirSync(new URL('../examples', import.meta.url)))('the README shows %s as it is', (file) => {
  const regions = [...text(`../examples/${file}`).matchAll(/#region \w+\n([\s\S]*?)\n *\/\/ #endregion/g)];
  expect(regions.length).toBeGreaterThan(0);
  for (const [, code] of regions)
    expect(text('../README.md')).toContain(`\`\`\`ts\n${code!.replace(/^ {2}/gm, '')}\n\`\`\``);
});
