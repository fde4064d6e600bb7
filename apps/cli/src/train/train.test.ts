import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { directorySource, openSafetensors } from '@tessera/checkpoints';
import { readTrainingRecord } from '@tessera/training';
import { describe, expect, test } from 'vitest';
import { caseDirectory, emptyDirectory, smallModel, writeTestFile } from '../testing/checkpoints.test-support.ts';
import { CollectingStream, runTessera } from '../testing/run-tessera.test-support.ts';
import type { Metric } from './metrics-file.ts';

const config = {
  model_type: 'llama',
  vocab_size: 257,
  hidden_size: 16,
  intermediate_size: 24,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  max_position_embeddings: 64,
  tie_word_embeddings: true,
};

const text = 'The king went out to see the sea. The sea was there, and the king was glad of it.\n'.repeat(40);

/** Arguments of a small training in a directory of its own. */
async function smallTraining(): Promise<{ readonly directory: string; argv(out: string): string[] }> {
  const directory = await emptyDirectory();
  const spec = await writeTestFile(directory, 'config.json', JSON.stringify(config));
  const data = await writeTestFile(directory, 'text.txt', text);
  const options =
    '--tokenizer bytes --batch 2 --context 12 --schedule constant --warmup 2 --lr 0.01 --save-every 3 --seed 5';
  return {
    directory,
    argv: (out) => ['train', '--spec', spec, '--data', data, ...options.split(' '), '--device', 'cpu', '--out', out],
  };
}

/** What a run wrote of its steps, without what depends on the clock. */
async function metricsOf(out: string): Promise<Metric[]> {
  const lines = (await readFile(join(out, 'metrics.jsonl'), 'utf8')).trim().split('\n');
  return lines.map((line) => {
    const { tokensPerSecond: _, ...metric } = JSON.parse(line) as Metric;
    return metric;
  });
}

describe('train', () => {
  test('makes a new model of a published config, which others load', async () => {
    const { directory, argv } = await smallTraining();
    const out = join(directory, 'out');
    const { status, stdout, stderr } = await runTessera([...argv(out), '--steps', '30', '--json']);
    expect(stderr).toMatch(/^[\d,]+ parameters on CPU .*, [\d,]+ tokens of text, step 0 of 30\n$/);
    expect(status).toBe(0);
    const made = JSON.parse(stdout) as { loss: number; validationLoss: number };
    expect(made).toMatchObject({ out, device: 'cpu', step: 30, tokens: 720 });
    const metrics = await metricsOf(out);
    expect(metrics.filter(({ loss }) => loss !== undefined)).toHaveLength(30);
    expect(metrics.filter(({ validationLoss }) => validationLoss !== undefined)).toHaveLength(10);
    expect(made.loss).toBeLessThan(metrics[0]!.loss! - 0.5);
    expect(made.validationLoss).toBe(metrics.at(-1)!.validationLoss);
    expect(await readFile(join(out, 'loss.svg'), 'utf8')).toMatch(/^<svg [^]*<polyline [^]*<\/svg>\n$/);
    const reader = await openSafetensors(await directorySource(out));
    expect([...reader.tensors.keys()]).toContain('model.layers.0.self_attn.q_proj.weight');
    await reader.close();
    const ids = ['generate', '--model', out, '--prompt-ids', '84,104', '-n', '2', '--device', 'cpu', '--json'];
    expect(JSON.parse((await runTessera(ids)).stdout)).toMatchObject({
      tokenIds: [84, 104, ...new Array(2).fill(expect.any(Number))],
    });
  });

  test('learns from generated stories by a recipe, and keeps the best weights in 16 bits', async () => {
    const directory = await emptyDirectory();
    const recipe = {
      about: 'A test.',
      spec: config,
      tokenizer: 'bytes',
      data: ['stories'],
      batch: 4,
      context: 32,
      steps: 12,
      saveEvery: 4,
      schedule: 'constant',
      warmup: 0,
      lr: 0.02,
      keep: 'best',
      dtype: 'bf16',
    };
    const file = await writeTestFile(directory, 'recipe.json', JSON.stringify(recipe));
    const out = join(directory, 'out');
    const argv = ['train', '--recipe', file, '--device', 'cpu', '--out', out, '--validation', '0.01'];
    const { status, stdout } = await runTessera([...argv, '--json']);
    expect(status).toBe(0);
    const made = JSON.parse(stdout) as { validationLoss: number; bestValidationLoss: number };
    const losses = (await metricsOf(out)).flatMap(({ validationLoss }) => validationLoss ?? []);
    expect(losses).toHaveLength(3);
    expect(made.bestValidationLoss).toBe(Math.min(...losses));
    const reader = await openSafetensors(await directorySource(out));
    expect(new Set([...reader.tensors.values()].map(({ dtype }) => dtype))).toEqual(new Set(['BF16']));
    await reader.close();

    // As if what was there had been better than all that comes: it stays the model, and what goes on is the last.
    const metricsFile = join(out, 'metrics.jsonl');
    const told = await readFile(metricsFile, 'utf8');
    await writeFile(metricsFile, told.replaceAll(/"validationLoss":[\d.]+/g, '"validationLoss":0.5'));
    const before = await readFile(join(out, 'model.safetensors'));
    const resumed = await runTessera(['train', '--resume', '--out', out, '--device', 'cpu', '--steps', '16']);
    expect(resumed.status).toBe(0);
    expect(await readFile(join(out, 'model.safetensors'))).toEqual(before);
    expect(await readTrainingRecord(out)).toMatchObject({ step: 16 });
  });

  test('trains on a model and keeps its tokenizer', async () => {
    const { directory } = await smallTraining();
    const out = join(directory, 'out');
    const size = [
      '--steps',
      '1',
      '--batch',
      '1',
      '--context',
      '16',
      '--optimizer',
      'sgd',
      '--lr',
      '0.01',
      '--validation',
      '0',
    ];
    const argv = [
      'train',
      '--model',
      smallModel,
      '--data',
      join(directory, 'text.txt'),
      ...size,
      '--device',
      'cpu',
      '--out',
      out,
    ];
    const { status, stdout } = await runTessera(argv);
    expect(status).toBe(0);
    expect(stdout).toMatch(/out: step 1, loss \d\.\d{4}\n$/);
    expect(await readdir(out)).toEqual(
      expect.arrayContaining(['tokenizer.json', 'recipe.json', 'training.safetensors']),
    );
  });

  /** Goes on for two steps with a training that was cut short, and compares it with one that never was. */
  async function expectUnbroken(out: string, argv: (out: string) => string[]): Promise<void> {
    const { step } = await readTrainingRecord(out);
    const until = String(step + 2);
    const resumed = await runTessera(['train', '--resume', '--out', out, '--steps', until, '--device', 'cpu']);
    expect(resumed.stderr).toContain(`, step ${step} of ${until}\n`);
    expect(resumed.status).toBe(0);
    const unbroken = `${out}-unbroken`;
    expect((await runTessera([...argv(unbroken), '--steps', until])).status).toBe(0);
    const losses = async (directory: string): Promise<Metric[]> =>
      (await metricsOf(directory)).filter(({ loss }) => loss !== undefined);
    const made = await losses(out);
    expect(made).toHaveLength(step + 2);
    expect(made).toEqual(await losses(unbroken));
    expect(await readFile(join(out, 'model.safetensors'))).toEqual(await readFile(join(unbroken, 'model.safetensors')));
  }

  test('goes on after its end as if it had never ended', async () => {
    const { directory, argv } = await smallTraining();
    const out = join(directory, 'out');
    expect((await runTessera([...argv(out), '--steps', '4'])).status).toBe(0);
    await expectUnbroken(out, argv);
  });

  test('Ctrl-C saves, and it goes on from there', async () => {
    const { directory, argv } = await smallTraining();
    const out = join(directory, 'out');
    const controller = new AbortController();
    const stderr = new CollectingStream({
      isTTY: true,
      onWrite: (stream) => {
        if (/step \d+ of 100000/.test(stream.text.split('step 0').at(-1)!)) controller.abort(new Error('Interrupted.'));
      },
    });
    const { status } = await runTessera([...argv(out), '--steps', '100000'], { stderr, signal: controller.signal });
    expect(status).toBe(130);
    expect(stderr.text).toMatch(/step \d+ of 100000 {2}loss \d\.\d{3} [▁-█]+ {2}[\d,]+ tokens\/s, .* left/);
    expect(stderr.text).toMatch(/Saved after step \d+\. Go on with --resume\.\n$/);
    await expectUnbroken(out, argv);
  });

  test('after a kill it goes on from what was saved', async () => {
    const { directory, argv } = await smallTraining();
    const out = join(directory, 'out');
    const bin = fileURLToPath(new URL('../../bin/tessera.js', import.meta.url));
    const child = spawn(process.execPath, [bin, ...argv(out), '--steps', '100000'], { stdio: 'ignore' });
    let running = true;
    const closed = new Promise((resolve) => child.on('close', resolve)).finally(() => (running = false));
    while (running && !existsSync(join(out, 'training.safetensors'))) await setTimeout(10);
    child.kill('SIGKILL');
    await closed;
    await expectUnbroken(out, argv);
  });

  test('a loss that is no number saves what was learned before', async () => {
    const { directory, argv } = await smallTraining();
    const out = join(directory, 'out');
    const { status, stderr } = await runTessera([
      ...argv(out),
      '--optimizer=sgd',
      '--lr=1e30',
      '--warmup=0',
      '--clip=0',
      '--steps=9',
    ]);
    expect(status).toBe(1);
    expect(stderr).toContain('tessera train: train: at step 2 the loss is');
    expect(stderr).toContain('Saved after step 1.');
    expect(stderr).toContain('code: NUMERICAL');
  });

  test.each<[string, string[], number, string]>([
    ['no directory', ['--data', 'a.txt'], 2, '--out is missing, expected the directory to write.'],
    [
      'more warm-up than steps',
      ['--model', smallModel, '--data', 'x', '--out', 'o', '--steps', '1', '--warmup', '2'],
      1,
      '--warmup is 2, expected at most the 1 steps.',
    ],
    [
      'a kept model that is none',
      ['--model', smallModel, '--data', 'x', '--out', 'o', '--steps', '1', '--keep', 'first'],
      1,
      '--keep is "first", expected last, best.',
    ],
    [
      'the best of no evaluation',
      ['--model', smallModel, '--data', 'x', '--out', 'o', '--steps', '1', '--keep', 'best', '--validation', '0'],
      1,
      '--keep best needs a validation loss',
    ],
    [
      'a recipe beside its continuation',
      ['--resume', '--recipe', 'r', '--out', 'o'],
      2,
      '--resume goes on with the recipe in --out',
    ],
    [
      'no data',
      ['--model', smallModel, '--out', 'o', '--steps', '1'],
      1,
      '--data is missing, expected files of text, or stories.',
    ],
    ['neither model nor spec', ['--data', 'a', '--out', 'o', '--steps', '1'], 1, 'Give either --model'],
    ['no length', ['--model', 'm', '--data', 'a', '--out', 'o'], 1, 'Give --steps or --tokens: how long to train.'],
    [
      'an unknown optimiser',
      ['--model', 'm', '--data', 'a', '--out', 'o', '--steps', '1', '--optimizer', 'lion'],
      1,
      '--optimizer is "lion", expected adamw, sgd, muon.',
    ],
    [
      'nothing to go on with',
      ['--resume', '--out', '.'],
      1,
      '.: there is no recipe.json that can be read, expected a training',
    ],
    ['a replay with other options', ['--replay', '.', '--lr', '1'], 2, 'not by --lr.'],
    [
      'a model without a tokenizer',
      ['--model', caseDirectory('llama-full'), '--data', 'a', '--out', 'o', '--steps', '1', '--device', 'cpu'],
      1,
      'There is no tokenizer, so texts cannot be read. Give --tokenizer',
    ],
    [
      'a tokenizer with more ids than the model',
      [
        '--model',
        caseDirectory('llama-full'),
        '--tokenizer',
        'bytes',
        '--data',
        'a',
        '--out',
        'o',
        '--steps',
        '1',
        '--device',
        'cpu',
      ],
      1,
      'The tokenizer has 257 ids, and the model a vocabulary of ',
    ],
  ])('%s is refused', async (_, argv, status, message) => {
    const made = await runTessera(['train', ...argv]);
    expect(made.stderr).toContain(message);
    expect(made.status).toBe(status);
  });
});
