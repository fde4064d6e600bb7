import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { caseDirectory, emptyDirectory, smallModel } from '../testing/checkpoints.test-support.ts';
import { runTessera } from '../testing/run-tessera.test-support.ts';

test('a checkpoint that is loaded and saved keeps every byte of its tensors', async () => {
  for (const directory of [smallModel, caseDirectory('olmo_hybrid-full'), caseDirectory('gpt_neox-full')]) {
    const target = await emptyDirectory();
    const { status, stdout } = await runTessera(['convert', directory, target, '--check', '--json']);
    const made = JSON.parse(stdout) as { tensors: number; identical: number; different: readonly string[] };
    expect({ status, different: made.different }).toEqual({ status: 0, different: [] });
    expect(made.identical).toBe(made.tensors);
    expect(made.tensors).toBeGreaterThan(10);
  }
});

test('another element type is written and told in the config', async () => {
  const target = await emptyDirectory();
  const { status, stdout } = await runTessera(['convert', caseDirectory('llama-full'), target, '--dtype', 'fp16']);
  expect({ status, stdout }).toEqual({ status: 0, stdout: `${caseDirectory('llama-full')} is saved as ${target}\n` });
  expect(JSON.parse(await readFile(join(target, 'config.json'), 'utf8'))).toMatchObject({ dtype: 'float16' });
});

test('bytes cannot be the same under another element type', async () => {
  const { status, stderr } = await runTessera([
    'convert',
    smallModel,
    await emptyDirectory(),
    '--dtype',
    'fp16',
    '--check',
  ]);
  expect(status).toBe(1);
  expect(stderr).toContain('--check compares bytes, and --dtype changes them. Give one of them.');
});
