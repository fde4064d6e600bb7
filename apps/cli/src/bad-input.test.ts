import { readFile, truncate, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { caseDirectory, changeJson, copyOf, emptyDirectory, smallModel } from './testing/checkpoints.test-support.ts';
import { runTessera } from './testing/run-tessera.test-support.ts';

/** A tiny checkpoint that a test may spoil. */
const tinyModel = (): Promise<string> => copyOf(caseDirectory('llama-minimal'));

/** Runs a command that should fail and reads its report. */
async function failureOf(argv: readonly string[]): Promise<object> {
  const { status, stdout, stderr } = await runTessera(argv);
  const [, command, message, code] = /^tessera (\w+): (.*)\ncode: (\w+) \(\w+Error\)\n$/.exec(stderr) ?? [];
  return { status, stdout, command, message: message ?? stderr, code };
}

/** A failure with this code and message, and nothing on standard output. */
function failure(code: string, message: RegExp, command = 'generate'): object {
  return { status: 1, stdout: '', command, message: expect.stringMatching(message) as string, code };
}

const generate = (model: string, ...argv: string[]): string[] => [
  'generate',
  '--model',
  model,
  '--prompt-ids',
  '1',
  ...argv,
];

describe('a checkpoint', () => {
  test('that is not there', async () => {
    const model = join(await emptyDirectory(), 'gone');
    for (const argv of [generate(model), ['inspect', model], ['chat', '--model', model]])
      expect(await failureOf(argv)).toEqual(failure('MODEL_FORMAT', /gone: there is no such directory/, argv[0]));
  });

  test('without config.json, without weights', async () => {
    expect(await failureOf(generate(await emptyDirectory()))).toEqual(failure('MODEL_FORMAT', /config\.json/));
    const model = await tinyModel();
    await unlink(join(model, 'model.safetensors'));
    expect(await failureOf(generate(model))).toEqual(failure('MODEL_FORMAT', /there is no model\.safetensors/));
  });

  test('that lacks a shard', async () => {
    const model = await copyOf(smallModel);
    await unlink(join(model, 'model-00003-of-00004.safetensors'));
    expect(await failureOf(generate(model))).toEqual(failure('MODEL_FORMAT', /model-00003-of-00004\.safetensors/));
  });

  test('that was cut short, in its tensors or in its header', async () => {
    const model = await tinyModel();
    const file = join(model, 'model.safetensors');
    const { length } = await readFile(file);
    for (const bytes of [length - 10, 100, 4, 0]) {
      await truncate(file, bytes);
      expect(await failureOf(generate(model))).toEqual(failure('MODEL_FORMAT', /model\.safetensors/));
    }
  });

  test('of an unknown type', async () => {
    const model = await tinyModel();
    await changeJson(model, 'config.json', (config) => ({ ...config, model_type: 'perceptron' }));
    expect(await failureOf(generate(model))).toEqual(
      failure('UNSUPPORTED_ARCHITECTURE', /model_type is "perceptron", which no layout reads/),
    );
  });

  test('with a config that is no JSON, no record, or wrong in a field', async () => {
    const model = await tinyModel();
    await truncate(join(model, 'config.json'), 20);
    expect(await failureOf(generate(model))).toEqual(failure('MODEL_FORMAT', /config\.json/));
    const list = await tinyModel();
    await changeJson(list, 'config.json', () => []);
    expect(await failureOf(generate(list))).toEqual(failure('MODEL_FORMAT', /config\.json/));
    const wrong = await tinyModel();
    await changeJson(wrong, 'config.json', (config) => ({ ...config, num_attention_heads: 'two' }));
    expect(await failureOf(generate(wrong))).toEqual(failure('MODEL_FORMAT', /num_attention_heads/));
  });

  test('whose tokenizer has no vocabulary', async () => {
    const model = await copyOf(smallModel);
    await changeJson(model, 'tokenizer.json', (json) => {
      delete (json['model'] as Record<string, unknown>)['vocab'];
    });
    expect(await failureOf(generate(model))).toEqual(failure('MODEL_FORMAT', /tokenizer\.json: model\.vocab/));
    expect(await failureOf(['inspect', model])).toEqual(
      failure('MODEL_FORMAT', /tokenizer\.json: model\.vocab/, 'inspect'),
    );
  });

  test('that asks for ways of generating which are not honoured', async () => {
    const model = await tinyModel();
    await changeJson(model, 'generation_config.json', (config) => ({ ...config, num_beams: 4 }));
    expect(await failureOf(generate(model))).toEqual(failure('UNSUPPORTED_OPTION', /num_beams = 4/));
  });

  test('without tokenizer cannot read text', async () => {
    const argv = ['generate', '--model', caseDirectory('llama-minimal'), '--prompt', 'a'];
    expect(await failureOf(argv)).toEqual(failure('FEATURE_UNAVAILABLE', /has no tokenizer\.json/));
  });

  test('that looks at the whole sequence cannot generate', async () => {
    expect(await failureOf(generate(caseDirectory('gemma3-bidirectional')))).toEqual(
      failure('FEATURE_UNAVAILABLE', /has no decoding/),
    );
  });
});

describe('an option', () => {
  test.each([
    [['--device', 'gpu'], 'UNSUPPORTED_OPTION', /device is "gpu", expected 'auto', 'cpu', 'webgpu'/],
    [['--dtype', 'q3'], 'UNSUPPORTED_OPTION', /dtype is 'q3', expected one of/],
    [['--temperature', '-1'], 'UNSUPPORTED_OPTION', /temperature is -1/],
    [['--top-p', '2'], 'UNSUPPORTED_OPTION', /topP is 2/],
    [['--max-new-tokens', '5000'], 'CONTEXT_OVERFLOW', /1 tokens? and 5000 new ones/],
    [['--context-length', '8', '--max-new-tokens', '8'], 'CONTEXT_OVERFLOW', /the context holds 8/],
    [['--prompt-ids', '47,48'], 'SHAPE', /id 48/],
  ])('%j is refused with its range', async (argv, code, message) => {
    expect(await failureOf(generate(caseDirectory('llama-minimal'), ...argv))).toEqual(failure(code, message));
  });

  test.each([
    [
      ['generate', '--modle', 'x'],
      "tessera generate: unknown option '--modle'\n(Did you mean --model?)\nSee tessera generate --help.\n",
    ],
    [['generat'], "tessera: unknown command 'generat'\n(Did you mean generate?)\nSee tessera --help.\n"],
    [['generate', '--prompt', 'a'], 'tessera generate: --model is missing'],
    [['generate', '--temperature', 'hot'], 'Expected a number.'],
    [['generate', '--top-k', '1.5'], 'Expected a whole number from 0 on.'],
    [['generate', '--context-length', '0'], 'Expected a whole number from 1 on.'],
    [['generate', '--prompt-ids', '1,-2'], 'Expected token ids, such as 1,2,3.'],
    [['generate', '--seed'], "option '--seed <n>' argument missing"],
    [['generate', '--model', 'x', '--prompt', 'a', '--logprobs', '2'], '--logprobs is only shown with --json.'],
    [['generate', 'stray'], 'too many arguments'],
    [['verify'], "missing required argument 'directory'"],
    [['eval', '--model', 'x'], "missing required argument 'text-file'"],
  ])('%j is a usage error', async (argv, message) => {
    const { status, stdout, stderr } = await runTessera(argv);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toContain(message);
    expect(stderr).toContain('--help.');
  });
});

test('the stack is shown to those who ask for it', async () => {
  process.env['DEBUG'] = 'tessera';
  try {
    const { stderr } = await runTessera(generate('/no/such/model'));
    expect(stderr).toMatch(/\n {4}at /);
  } finally {
    delete process.env['DEBUG'];
  }
});

test('help and version', async () => {
  expect(await runTessera(['--version'])).toMatchObject({ status: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+/) });
  const help = await runTessera(['--help']);
  expect(help).toMatchObject({ status: 0, stderr: '' });
  for (const command of ['generate', 'chat', 'verify', 'eval', 'inspect', 'demo']) {
    expect(help.stdout).toContain(`  ${command} `);
    const { status, stdout } = await runTessera([command, '--help']);
    expect(status).toBe(0);
    expect(stdout).toContain(`Usage: tessera ${command} `);
  }
  expect((await runTessera([])).status).toBe(2);
});
