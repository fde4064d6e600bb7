import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { caseDirectory, emptyDirectory, smallModel, writeTestFile } from '../testing/checkpoints.test-support.ts';
import type { Outcome } from '../testing/run-tessera.test-support.ts';
import { CollectingStream, runTessera } from '../testing/run-tessera.test-support.ts';

const prompt = 'ROMEO:\n';
const generate = (...argv: string[]): Promise<Outcome> => runTessera(['generate', '--model', smallModel, ...argv]);
const generateJson = async (...argv: string[]): Promise<Record<string, unknown>> =>
  JSON.parse((await generate('--json', ...argv)).stdout) as Record<string, unknown>;

test('greedy text of the small model is that of the reference', async () => {
  const { greedy } = JSON.parse(await readFile(join(smallModel, 'meta.json'), 'utf8')) as {
    greedy: { ids: number[]; text: string };
  };
  const argv = ['--prompt', prompt, '--max-new-tokens', '64', '--temperature', '0'];
  const { status, stdout, stderr } = await generate(...argv);
  expect({ status, stdout }).toEqual({ status: 0, stdout: greedy.text.slice(prompt.length) });
  expect(stderr).toMatch(/^64 tokens, \d+\.\d tokens\/s, cpu\n$/);
  expect(await generateJson(...argv)).toMatchObject({
    text: stdout,
    tokenIds: greedy.ids,
    newTokenIds: greedy.ids.slice(3),
    finishReason: 'length',
    usage: { promptTokens: 3, completionTokens: 64 },
    timings: { decodeTokensPerSecond: expect.any(Number) },
    device: 'cpu',
    adapter: expect.any(String),
    dtype: 'bf16',
    model: smallModel,
  });
});

describe('a prompt', () => {
  const short = ['--max-new-tokens', '4', '--temperature', '0'];

  test('comes as text, with escapes, from a file, from standard input or as ids', async () => {
    const file = await writeTestFile(await emptyDirectory(), 'prompt.txt', prompt);
    const { stdout } = await generate('--prompt', prompt, ...short);
    expect(stdout).not.toBe('');
    expect((await generate('--prompt', String.raw`ROMEO:\n`, '--escapes', ...short)).stdout).toBe(stdout);
    expect((await generate('--prompt-file', file, ...short)).stdout).toBe(stdout);
    expect((await generate('--prompt-ids', '1878,26,199', ...short)).stdout).toBe(stdout);
    const piped = await runTessera(['generate', '--model', smallModel, '--prompt-file', '-', ...short], {
      stdin: prompt,
    });
    expect(piped.stdout).toBe(stdout);
  });

  test('is taken literally without --escapes', async () => {
    const { tokenIds } = await generateJson('--prompt', String.raw`a\n`, '-n', '0');
    expect(tokenIds).not.toEqual((await generateJson('--prompt', 'a\n', '-n', '0'))['tokenIds']);
  });

  test('is given in exactly one way', async () => {
    for (const given of [[], ['--prompt', 'a', '--prompt-ids', '1']]) {
      const { status, stderr } = await generate(...given);
      expect(status).toBe(2);
      expect(stderr).toContain('expected one of --prompt <text>, --prompt-file <file> and --prompt-ids <ids>');
    }
  });
});

describe('options', () => {
  test('one seed gives one text, another seed another', async () => {
    const argv = [
      '--prompt',
      prompt,
      '--max-new-tokens',
      '12',
      '--temperature',
      '1.2',
      '--top-k',
      '50',
      '--top-p',
      '0.95',
    ];
    const first = await generateJson(...argv, '--min-p', '0.01', '--seed', '1');
    const again = await generateJson(...argv, '--min-p', '0.01', '--seed', '1');
    const other = await generateJson(...argv, '--min-p', '0.01', '--seed', '2');
    expect(again['tokenIds']).toEqual(first['tokenIds']);
    expect(other['tokenIds']).not.toEqual(first['tokenIds']);
  });

  test('a repetition penalty changes a text that repeats itself', async () => {
    const argv = ['--prompt', prompt, '--max-new-tokens', '40', '--temperature', '0'];
    const plain = await generateJson(...argv);
    for (const penalty of ['--repetition-penalty', '--presence-penalty', '--frequency-penalty'])
      expect((await generateJson(...argv, penalty, '1.5'))['tokenIds']).not.toEqual(plain['tokenIds']);
  });

  test('a stop text ends generation and is left out', async () => {
    const argv = ['--prompt', prompt, '--max-new-tokens', '40', '--temperature', '0'];
    const { stdout } = await generate(...argv, '--stop', 'thou', 'never said');
    expect(stdout).toBe("O, that'st ");
    expect(await generateJson(...argv, '--stop', 'thou')).toMatchObject({ finishReason: 'stop', stoppedBy: 'thou' });
    expect(await generateJson(...argv, '--escapes', '--stop', String.raw`\n`)).toMatchObject({ stoppedBy: '\n' });
    expect(await generateJson(...argv, '--stop-token-ids', '12')).toMatchObject({ stoppedBy: 12 });
  });

  test('--logprobs gives each token with its alternatives', async () => {
    const { logprobs, newTokenIds } = (await generateJson(
      '--prompt',
      prompt,
      '-n',
      '3',
      '-t',
      '0',
      '--logprobs',
      '2',
    )) as {
      logprobs: { tokenId: number; logprob: number; top: { tokenId: number; logprob: number }[] }[];
      newTokenIds: number[];
    };
    expect(logprobs.map(({ tokenId }) => tokenId)).toEqual(newTokenIds);
    for (const { tokenId, logprob, top } of logprobs) {
      expect(top).toHaveLength(2);
      expect(top[0]).toMatchObject({ tokenId, logprob });
      expect(top[1]!.logprob).toBeLessThanOrEqual(logprob);
    }
  });

  test('--dtype and --device say what the JSON then says', async () => {
    expect(await generateJson('--prompt', 'a', '-n', '1', '--dtype', 'fp32', '--device', 'cpu')).toMatchObject({
      dtype: 'fp32',
      device: 'cpu',
    });
  });
});

describe('output', () => {
  test('ends with a line break for a person only', async () => {
    const argv = ['generate', '--model', smallModel, '--prompt', prompt, '-n', '4', '-t', '0'];
    const piped = await runTessera(argv);
    const [stdout, stderr] = [new CollectingStream({ isTTY: true }), new CollectingStream({ isTTY: true })];
    const seen = await runTessera(argv, { stdout, stderr });
    expect(seen.stdout).toBe(`${piped.stdout}\n`);
    expect(seen.stderr).toContain('loading [');
    expect(piped.stderr).not.toContain('loading');
  });

  test('is written as it comes', async () => {
    const pieces: number[] = [];
    const stdout = new CollectingStream({ onWrite: ({ text }) => pieces.push(text.length) });
    await runTessera(['generate', '--model', smallModel, '--prompt', prompt, '-n', '8', '-t', '0'], { stdout });
    expect(pieces.length).toBeGreaterThan(4);
  });
});

describe('ends early', () => {
  const endless = ['generate', '--model', smallModel, '--prompt', prompt, '-n', '500', '-t', '0', '--ignore-eos'];

  test('on Ctrl-C, with what came so far and status 130', async () => {
    const interrupt = new AbortController();
    const stdout = new CollectingStream({ onWrite: ({ text }) => text.includes('thou') && interrupt.abort() });
    const outcome = await runTessera(endless, { stdout, signal: interrupt.signal });
    expect(outcome.status).toBe(130);
    expect(outcome.stdout).toMatch(/^O, that'st thou/);
    expect(outcome.stdout.length).toBeLessThan(30);
    expect(outcome.stderr).toMatch(/^\d tokens, /);
  });

  test('on Ctrl-C with --json, with the JSON of what came so far', async () => {
    const { status, stdout } = await runTessera([...endless, '--json'], { signal: AbortSignal.timeout(1500) });
    expect(status).toBe(130);
    if (stdout === '') return; // the machine was so busy that the model was still being loaded
    const made = JSON.parse(stdout) as { tokenIds: number[]; newTokenIds: number[]; text: string };
    expect(made).toMatchObject({ finishReason: 'aborted', usage: { promptTokens: 3 } });
    expect(made.tokenIds).toEqual([1878, 26, 199, ...made.newTokenIds]);
  });

  test('quietly when nobody reads any more', async () => {
    const stdout = new CollectingStream({
      onWrite: (stream) => stream.destroy(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' })),
    });
    const { status, stderr } = await runTessera(endless, { stdout });
    expect(status).toBe(0);
    expect(stderr).not.toContain('EPIPE');
  });
});

test('a model without tokenizer takes ids and gives ids', async () => {
  const argv = ['generate', '--model', caseDirectory('llama-minimal'), '--prompt-ids', '3, 4 5', '-n', '4', '--json'];
  const { stdout, status } = await runTessera(argv);
  expect(status).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ text: '', usage: { promptTokens: 3 } });
});
