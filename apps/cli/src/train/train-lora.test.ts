import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { caseDirectory, emptyDirectory, smallModel, writeTestFile } from '../testing/checkpoints.test-support.ts';
import { runTessera } from '../testing/run-tessera.test-support.ts';
import { targetsArgument } from './lora-recipe.ts';
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

/** A model in 16 bits that was hardly trained, and arguments of a training of an adapter of it. */
async function modelToAdapt(): Promise<{
  directory: string;
  model: string;
  argv(out: string, steps: number): string[];
}> {
  const directory = await emptyDirectory();
  const model = join(directory, 'model');
  const spec = await writeTestFile(directory, 'config.json', JSON.stringify(config));
  const data = await writeTestFile(directory, 'text.txt', 'The king went out to see the sea.\n'.repeat(60));
  const usual = ['--data', data, '--batch', '2', '--context', '12', '--device', 'cpu', '--save-every', '3'];
  const first = ['--spec', spec, '--tokenizer', 'bytes', '--steps', '2', '--dtype', 'bf16', '--out', model];
  const { status, stderr } = await runTessera(['train', ...usual, ...first]);
  if (status !== 0) throw new Error(stderr);
  const adapter = '--lora-rank 4 --lora-alpha 8 --lora-targets q_proj,mlp.up_proj --lr 0.05 --schedule constant';
  const fixed = ['train', '--model', model, '--tokenizer', 'bytes', ...usual, ...adapter.split(' ')];
  const argv = (out: string, steps: number): string[] => [...fixed, '--steps', String(steps), '--out', out];
  return { directory, model, argv };
}

async function lossesOf(out: string): Promise<number[]> {
  const lines = (await readFile(join(out, 'metrics.jsonl'), 'utf8')).trim().split('\n');
  return lines.flatMap((line) => (JSON.parse(line) as Metric).loss ?? []);
}

describe('train --lora-rank', () => {
  test('writes an adapter that other commands merge, and leaves the model as it is', async () => {
    const { directory, model, argv } = await modelToAdapt();
    const [out, merged] = [join(directory, 'adapter'), join(directory, 'merged')];
    const weights = await readFile(join(model, 'model.safetensors'));
    const { status, stderr } = await runTessera(argv(out, 30));
    expect(status).toBe(0);
    expect(stderr).toMatch(/ parameters on CPU .*, 288 of an adapter, [\d,]+ tokens of text, step 0 of 30\n$/);
    const files = await readdir(out);
    expect(files).toEqual(
      expect.arrayContaining(['adapter_config.json', 'adapter_model.safetensors', 'training.safetensors']),
    );
    expect(files).not.toContain('model.safetensors');
    expect(JSON.parse(await readFile(join(out, 'adapter_config.json'), 'utf8'))).toMatchObject({
      r: 4,
      lora_alpha: 8,
      target_modules: ['q_proj', 'up_proj'],
    });
    expect(await readFile(join(model, 'model.safetensors'))).toEqual(weights);

    const tokens = async (...more: string[]): Promise<unknown> => {
      const argv = ['generate', '--prompt-ids', '84,104,101', '-n', '4', '--device', 'cpu', '--json', ...more];
      return (JSON.parse((await runTessera(argv)).stdout) as { tokenIds: unknown }).tokenIds;
    };
    expect((await runTessera(['convert', model, merged, '--adapter', out])).status).toBe(0);
    expect(await tokens('--model', merged)).toEqual(await tokens('--model', model, '--adapter', out));
    expect(await tokens('--model', merged)).not.toEqual(await tokens('--model', model));
    const losses = await lossesOf(out);
    expect(losses.at(-1)).toBeLessThan(losses[0]! - 0.5);
    // As large as the model: merged in its own element type.
    expect((await readFile(join(merged, 'model.safetensors'))).length).toBe(weights.length);
  });

  test('goes on as if it had never ended', async () => {
    const { directory, argv } = await modelToAdapt();
    const [out, unbroken] = [join(directory, 'adapter'), join(directory, 'unbroken')];
    expect((await runTessera(argv(out, 4))).status).toBe(0);
    const resumed = await runTessera(['train', '--resume', '--out', out, '--steps', '7', '--device', 'cpu']);
    expect(resumed.stderr).toContain('step 4 of 7');
    expect(resumed.status).toBe(0);
    expect((await runTessera(argv(unbroken, 7))).status).toBe(0);
    expect(await lossesOf(out)).toEqual(await lossesOf(unbroken));
    const [made, expected] = await Promise.all(
      [out, unbroken].map((each) => readFile(join(each, 'adapter_model.safetensors'))),
    );
    expect(made).toEqual(expected);
  });

  test.each([
    [['--spec', 'c', '--lora-rank', '2'], '--lora-rank asks for an adapter, which is saved without the weights'],
    [['--model', 'm', '--lora-alpha', '2'], '--lora-alpha belongs to an adapter, which is asked for by --lora-rank.'],
    [['--model', 'm', '--rslora'], '--rslora belongs to an adapter'],
  ])('%j is refused', async (argv, message) => {
    const { status, stderr } = await runTessera(['train', ...argv, '--data', 'a', '--steps', '1', '--out', 'o']);
    expect(status).toBe(1);
    expect(stderr).toContain(message);
  });

  test('targets are names, all of them, or an expression', () => {
    expect(['q_proj, v_proj', 'all-linear', '/.*mlp.*/'].map(targetsArgument)).toEqual([
      ['q_proj', 'v_proj'],
      'all-linear',
      '.*mlp.*',
    ]);
  });
});

test('an adapter of another model is refused', async () => {
  const directory = await emptyDirectory();
  const adapter = join(caseDirectory('..'), 'lora', 'gpt2-full');
  const text = await writeTestFile(directory, 'text.txt', 'A text.');
  for (const argv of [
    ['convert', caseDirectory('llama-full'), join(directory, 'merged')],
    ['generate', '--model', smallModel, '--prompt', 'A', '--device', 'cpu'],
    ['eval', '--model', smallModel, text, '--device', 'cpu'],
  ]) {
    const { status, stderr } = await runTessera([...argv, '--adapter', adapter]);
    expect(status).toBe(1);
    expect(stderr).toContain('changes transformer.h.0.attn.c_attn, which is not in this model.');
  }
  const check = ['convert', caseDirectory('gpt2-full'), directory, '--adapter', adapter, '--check'];
  expect((await runTessera(check)).stderr).toContain('--check compares bytes, and --adapter changes them.');
});
