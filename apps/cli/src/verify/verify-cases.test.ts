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
  'minicpm3',
  'mistral',
  'olmo2',
  'olmo_hybrid',
  'phi3',
  'qwen2',
  'qwen3',
  'smollm3',
];

/** Cases beside those that say nothing about gradients. */
const withoutGradients = [
  'fla/delta_net',
  'fla/gated_deltanet',
  'fla/gated_deltanet_hybrid',
  'fla/gated_deltaproduct',
  'fla/gla',
  'fla/kda',
  'fla/kda_hybrid',
  'fla/linear_attn',
  'fla/mla',
  'fla/retnet',
  'fla/transformer',
  'papers/grouped_latent_gla',
  'papers/grouped_latent_gta',
];

/** What a directory comes to, and why. */
async function verdictOn(directory: string, options: readonly string[] = ['--grads']): Promise<object> {
  const { status, stdout, stderr } = await runTessera(['verify', directory, '--device', 'cpu', '--json', ...options]);
  return { status, stderr, ...(JSON.parse(stdout) as object) };
}

const passed = { status: 0, device: 'cpu', dtype: 'fp32', pass: true, gradients: { failing: [], pass: true } };

describe('cases of the repository', () => {
  const cases = readdirSync(casesDirectory).sort();

  test('are all there', () => expect(cases.length).toBeGreaterThanOrEqual(81));

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

  test.skipIf(!present).each(withoutGradients)('%s', async (name) => {
    const { gradients: _, ...expected } = passed;
    expect(await verdictOn(join(largerCasesDirectory, '..', name), [])).toMatchObject({
      ...expected,
      greedyEqual: true,
    });
  });
});
