import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { changeJson, copyOf, smallModel } from '../testing/checkpoints.test-support.ts';
import { CollectingStream, runTessera } from '../testing/run-tessera.test-support.ts';

const config = {
  model_type: 'llama',
  vocab_size: 257,
  hidden_size: 16,
  intermediate_size: 256,
  num_hidden_layers: 4,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  max_position_embeddings: 96,
  tie_word_embeddings: true,
};

interface Trained {
  readonly step: number;
  readonly validationLoss: number;
  readonly headAccuracy: readonly number[];
}

/** A model that has learned a text, that text, and heads for the model. */
let directory: string;
let paths: { readonly model: string; readonly data: string; readonly heads: string };
let trained: Trained;

const sizes = ['--batch', '4', '--context', '24', '--device', 'cpu', '--json'];

async function run<T>(...argv: string[]): Promise<T> {
  const { status, stdout, stderr } = await runTessera(argv);
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as T;
}

const headsOf = (out: string, ...more: string[]): string[] => [
  'train-heads', '--model', paths.model, '--tokenizer', 'bytes', '--data', paths.data, ...sizes, '--lr', '0.02', '--out', out, ...more,
]; // prettier-ignore

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tessera-heads-'));
  paths = { model: join(directory, 'model'), data: join(directory, 'text.txt'), heads: join(directory, 'heads') };
  await writeFile(paths.data, 'The king went out to see the sea.\n'.repeat(60));
  await writeFile(join(directory, 'config.json'), JSON.stringify(config));
  const spec = ['--spec', join(directory, 'config.json'), '--tokenizer', 'bytes', '--data', paths.data];
  await run('train', ...spec, ...sizes, '--steps', '100', '--lr', '0.02', '--out', paths.model);
  trained = await run(
    ...headsOf(paths.heads, '--heads', '2', '--head-blocks', '2', '--steps', '60', '--dtype', 'bf16'),
  );
}, 60_000);
afterAll(() => rm(directory, { recursive: true, force: true }));

const prompt = ['--prompt-ids', [...Buffer.from('The king went')].join(), '--max-new-tokens', '60'];
interface Generated {
  readonly newTokenIds: readonly number[];
  readonly speculation?: { readonly rounds: number; readonly accepted: number; readonly acceptance: number };
  readonly timings: { readonly decodeTokensPerSecond: number };
}
const generate = (...more: string[]): Promise<Generated> =>
  run('generate', '--model', paths.model, ...prompt, '--temperature', '0', '--device', 'cpu', '--json', ...more);

describe('heads of a small model', () => {
  test('are right about most of a text that it knows, and lie in a directory with what --resume needs', async () => {
    expect(trained).toMatchObject({ step: 60, headAccuracy: [expect.any(Number), expect.any(Number)] });
    expect(trained).not.toHaveProperty('perplexity');
    for (const part of trained.headAccuracy) expect(part).toBeGreaterThan(0.6);
    expect((await readdir(paths.heads)).toSorted()).toEqual([
      'config.json', 'loss.svg', 'metrics.jsonl', 'model.safetensors', 'recipe.json', 'training.json', 'training.safetensors',
    ]); // prettier-ignore
    const json = JSON.parse(await readFile(join(paths.heads, 'config.json'), 'utf8')) as unknown;
    expect(json).toMatchObject({ kind: 'tessera-medusa-heads', heads: 2, blocks: 2, ownOutput: false });
  });

  test('propose tokens of the text that plain decoding gives', async () => {
    const plain = await generate();
    const made = await generate('--speculative', `heads=${paths.heads}`);
    expect(made.newTokenIds).toEqual(plain.newTokenIds);
    const { rounds, accepted, acceptance } = made.speculation!;
    expect(rounds + accepted).toBe(plain.newTokenIds.length);
    expect(acceptance).toBeGreaterThan(0.4);
    expect(made.timings.decodeTokensPerSecond).toBeGreaterThan(0);
  });

  test('are learned on after Ctrl-C as if nothing had been', async () => {
    const out = join(directory, 'interrupted');
    const abort = new AbortController();
    const stderr = new CollectingStream({
      isTTY: true,
      onWrite: ({ text }) => void (/step \d+ of 60  loss/.test(text) && abort.abort()),
    });
    const { status } = await runTessera(headsOf(out, '--heads', '2', '--head-blocks', '2', '--steps', '60'), {
      signal: abort.signal,
      stderr,
    });
    expect(status).toBe(130);
    expect(stderr.text).toMatch(/Saved after step \d+\. Go on with --resume\./);
    const made = await run<Trained>('train-heads', '--resume', '--out', out, '--device', 'cpu', '--json');
    expect(made.validationLoss).toBe(trained.validationLoss);
  });

  test('of another model, and what are no heads, are refused', async () => {
    const failing = async (source: string, model = paths.model): Promise<string> =>
      (await runTessera(['generate', '--model', model, ...prompt, '--speculative', `heads=${source}`])).stderr;
    expect(await failing(paths.heads, smallModel)).toContain(
      'the heads belong to a model with dModel = 16, and this one has 256',
    );
    expect(await failing(paths.model)).toContain('kind is undefined, expected "tessera-medusa-heads"');
    expect(await failing(directory)).toContain('Take a directory that tessera train-heads wrote.');
    const spoilt = await copyOf(paths.heads);
    await changeJson(spoilt, 'config.json', (json) => ({ ...json, heads: 3 }));
    expect(await failing(spoilt)).toContain('heads.2.blocks.0.weight is missing, expected [16, 16]');
  });
});

test.each([
  [['--heads', '0'], 'Expected a whole number from 1 on.'],
  [[], 'Give either --model, whose weights are trained on, or --spec'],
  [['--resume', '--recipe', 'a.json'], '--resume goes on with the recipe in --out, not with --recipe.'],
])('train-heads refuses %j', async (more, message) => {
  const { status, stderr } = await runTessera([
    'train-heads',
    '--data',
    'a.txt',
    '--steps',
    '1',
    '--out',
    'nowhere',
    ...more,
  ]);
  expect(stderr).toContain(message);
  expect(status).not.toBe(0);
});
