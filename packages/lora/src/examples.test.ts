import { readFileSync, readdirSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { train } from '../examples/train.ts';
import { use } from '../examples/use.ts';
import { assembler, spec } from './test-models.test-data.ts';

test('an adapter is trained and saved; another process runs it, and merges it', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'tessera-lora-'));
  try {
    await using model = await assembler.assemble(spec, { device: 'cpu', seed: 1 });
    const rows = Array.from({ length: 16 }, (_, row) =>
      Array.from({ length: 9 }, (__, place) => (row + 3 * place) % 16),
    );
    expect(await train(model, rows, join(directory, 'adapter'))).toBeLessThan(2.6);
    await using other = await assembler.assemble(spec, { device: 'cpu', seed: 1 });
    const [unmerged, merged] = await use(other, join(directory, 'adapter'), join(directory, 'merged'));
    expect(merged).toBe(unmerged);
    expect(await readdir(join(directory, 'merged'))).toContain('model.safetensors');
    await using loaded = await assembler.load(join(directory, 'merged'), { device: 'cpu' });
    expect((await loaded.generate([1, 4, 13], { maxNewTokens: 3 })).newTokenIds.join()).toBe(merged);
  } finally {
    await rm(directory, { recursive: true });
  }
});

const text = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');

test.each(readdirSync(new URL('../examples', import.meta.url)))('the README shows %s as it is', (file) => {
  const regions = [...text(`../examples/${file}`).matchAll(/#region \w+\n([\s\S]*?)\n *\/\/ #endregion/g)];
  expect(regions.length).toBeGreaterThan(0);
  for (const [, code] of regions)
    expect(text('../README.md')).toContain(`\`\`\`ts\n${code!.replace(/^ {2}/gm, '')}\n\`\`\``);
});
