import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { casesDirectory, largerCasesDirectory } from '../testing/checkpoints.test-support.ts';
import { runTessera } from '../testing/run-tessera.test-support.ts';

/** Layouts of the larger cases that this repository reads. */
const largerCases = [
  'gemma3',
  'gpt2',
  'gpt_neox',
  'granite',
  'lfm2',
  'llama',
  'mistral',
  'olmo2',
  'olmo_hybrid',
  'phi3',
  'qwen2',
  'qwen3',
  'smollm3',
];

/** What a directory comes to, and why. */
async function verdictOn(directory: string): Promise<object> {
  const { status, stdout, stderr } = await runTessera(['verify', directory, '--device', 'cpu', '--grads', '--json']);
  return { status, stderr, ...(JSON.parse(stdout) as object) };
}

const passed = { status: 0, device: 'cpu', dtype: 'fp32', pass: true, gradients: { failing: [], pass: true } };

describe('cases of the repository', () => {
  const cases = readdirSync(casesDirectory).sort();

  test('are all there', () => expect(cases).toHaveLength(74));

  test.each(cases)('%s', async (name) => {
    expect(await verdictOn(join(casesDirectory, name))).toMatchObject(passed);
  });
});

describe('larger cases beside the repository', () => {
  const present = existsSync(largerCasesDirectory);
  if (!present) console.log('../shared/conformance/hf is not there: the larger conformance cases are not run.');

  test.skipIf(!present).each(largerCases)('%s', async (name) => {
    expect(await verdictOn(join(largerCasesDirectory, name))).toMatchObject(passed);
  });
});
