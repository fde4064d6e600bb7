import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { emptyDirectory, writeTestFile } from '../testing/checkpoints.test-support.ts';
import { runTessera } from '../testing/run-tessera.test-support.ts';

const config = {
  model_type: 'llama',
  vocab_size: 257,
  hidden_size: 16,
  intermediate_size: 24,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  max_position_embeddings: 64,
  tie_word_embeddings: true,
};

interface Report {
  readonly validationLoss: { readonly softmax: number; readonly swapped: number; readonly tuned: number };
  readonly mixer: string;
}

/** A small trained model, and what a linearization of it reports. */
async function trainedModel(): Promise<{
  model: string;
  directory: string;
  linearize(out: string, ...more: string[]): Promise<Report>;
}> {
  const directory = await emptyDirectory();
  const model = join(directory, 'model');
  const spec = await writeTestFile(directory, 'config.json', JSON.stringify(config));
  const data = await writeTestFile(directory, 'text.txt', 'The king went out to see the sea.\n'.repeat(60));
  const usual = ['--data', data, '--batch', '4', '--context', '24', '--device', 'cpu', '--tokenizer', 'bytes'];
  const first = ['train', ...usual, '--spec', spec, '--steps', '60', '--lr', '0.02', '--out', model];
  const { status, stderr } = await runTessera(first);
  if (status !== 0) throw new Error(stderr);
  return {
    model,
    directory,
    async linearize(out, ...more) {
      const made = await runTessera(['linearize', '--model', model, ...usual, '--out', out, '--json', ...more]);
      if (made.status !== 0) throw new Error(made.stderr);
      return JSON.parse(made.stdout) as Report;
    },
  };
}

test('linearize swaps, fine-tunes, compares, and saves a model that other commands load', async () => {
  const { directory, linearize } = await trainedModel();
  const out = join(directory, 'linear');
  const settings = ['--mixer-config', '{"group": 8, "convolution": 4}'];
  const { validationLoss, mixer } = await linearize(out, ...settings, '--steps', '40', '--lr', '0.01');
  expect(mixer).toBe('@tessera/attention-linear:grouped-linear-attention');
  const { softmax, swapped, tuned } = validationLoss;
  expect(swapped).toBeGreaterThan(softmax);
  expect(tuned).toBeLessThan(softmax + 0.5 * (swapped - softmax));
  const { spec } = JSON.parse(await readFile(join(out, 'config.json'), 'utf8')) as { spec: { layers: unknown[] } };
  expect(spec.layers[1]).toMatchObject({
    mixer: { type: mixer, config: { heads: 2, kvHeads: 1, headDim: 8, group: 8, learnedFactors: 'global' } },
  });
  const argv = ['generate', '--model', out, '--prompt-ids', '84,104,101', '-n', '6', '--device', 'cpu', '--json'];
  const { status, stdout } = await runTessera(argv);
  expect(status).toBe(0);
  expect((JSON.parse(stdout) as { tokenIds: unknown[] }).tokenIds.length).toBeGreaterThanOrEqual(6);
});

test('linearize takes LoRA, another mixer, some layers, and the swap alone', async () => {
  const { directory, linearize } = await trainedModel();
  const swap = await linearize(join(directory, 'swap'), '--steps', '0');
  expect(swap.validationLoss.tuned).toBe(swap.validationLoss.swapped);
  const lora = await linearize(join(directory, 'lora'), '--steps', '30', '--lr', '0.02', '--lora-rank', '4');
  expect(lora.validationLoss.tuned).toBeLessThan(lora.validationLoss.swapped);
  const plain = await linearize(
    join(directory, 'plain'),
    '--steps',
    '1',
    '--mixer',
    'kernel-attention',
    '--layers',
    '1',
  );
  expect(plain.mixer).toBe('@tessera/attention-linear:kernel-attention');
  const argv = ['generate', '--prompt-ids', '84,104,101', '-n', '3', '--device', 'cpu', '--json'];
  for (const name of ['swap', 'lora', 'plain'])
    expect((await runTessera([...argv, '--model', join(directory, name)])).status).toBe(0);
});

test.each([
  [['--mixer', 'nothing'], '--mixer is "nothing", expected softmax-attention'],
  [['--mixer-config', '[1]'], '--mixer-config is [1], expected a record'],
  [['--layers', '1,x'], '--layers is 1,x, expected numbers from 0'],
  [['--validation', '0'], '--validation is 0, and models are compared'],
])('linearize refuses %j', async (more, message) => {
  const argv = ['linearize', '--model', 'nowhere', '--data', 'a.txt', '--steps', '1', '--out', 'nowhere', ...more];
  const { status, stderr } = await runTessera(argv);
  expect(stderr).toContain(message);
  expect(status).not.toBe(0);
});
