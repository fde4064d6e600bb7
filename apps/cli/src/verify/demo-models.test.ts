import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { storyTexts } from '@tessera/data';
import { expect, test } from 'vitest';
import { runTessera } from '../testing/run-tessera.test-support.ts';

const models = fileURLToPath(new URL('../../../models/', import.meta.url));

test.each(['llama-4m', 'story-llama', 'story-gated-delta-net'])(
  '%s, which Tessera trained, is to transformers what it is here',
  async (name) => {
    const { status, stdout } = await runTessera(['verify', models + name, '--device', 'cpu', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ greedyEqual: true, pass: true });
    expect(status).toBe(0);
  },
);

test.each(['story-llama', 'story-gated-delta-net', 'story-grouped-conv', 'story-mla'])(
  '%s foretells stories that it has not seen',
  async (name) => {
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
  },
);
