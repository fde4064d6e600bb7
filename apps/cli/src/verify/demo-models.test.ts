import { fileURLToPath } from 'node:url';
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
