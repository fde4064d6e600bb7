import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { headsBeside } from '../options/speculative-options.ts';
import { caseDirectory, smallModel } from '../testing/checkpoints.test-support.ts';
import { runTessera } from '../testing/run-tessera.test-support.ts';

const repeating = 'To be, or not to be: that is the question.\nTo be, or not to';
const generate = (...argv: string[]): ReturnType<typeof runTessera> =>
  runTessera(['generate', '--model', smallModel, '--device', 'cpu', '--temperature', '0', ...argv]);

interface Made {
  readonly text: string;
  readonly newTokenIds: readonly number[];
  readonly finishReason: string;
  readonly stoppedBy?: string | number;
  readonly speculation?: {
    rounds: number;
    drafted: number;
    accepted: number;
    acceptance: number;
    tokensPerRound: number;
  };
  readonly timings: { readonly decodeTokensPerSecond: number };
}

const json = async (...argv: string[]): Promise<Made> => JSON.parse((await generate('--json', ...argv)).stdout) as Made;

describe.each([
  ['lookup', 'lookup', 24],
  // What is as dear as the model itself is tried late.
  ['a model', `draft=${smallModel}`, 60],
])('with drafts of %s', (_, source, tokens) => {
  const argv = ['--prompt', repeating, '--max-new-tokens', String(tokens)];

  test('the text is that of plain decoding, and the JSON says what became of drafts', async () => {
    const plain = await json(...argv);
    const made = await json(...argv, '--speculative', source);
    expect(made.newTokenIds).toEqual(plain.newTokenIds);
    expect(plain.speculation).toBeUndefined();
    const { rounds, drafted, accepted, acceptance, tokensPerRound } = made.speculation!;
    expect(drafted).toBeGreaterThan(0);
    expect(rounds + accepted).toBe(tokens);
    expect(acceptance).toBe(accepted / drafted);
    expect(tokensPerRound).toBe(tokens / rounds);
    expect(made.timings.decodeTokensPerSecond).toBeGreaterThan(0);
  });

  test('a stop text inside a round ends it where plain decoding ends', async () => {
    const { text } = await json(...argv);
    for (const stop of [text.slice(5, 9), text.slice(20, 28)]) {
      const plain = await json(...argv, '--stop', stop);
      const made = await json(...argv, '--stop', stop, '--speculative', source);
      expect(made).toMatchObject({ text: plain.text, newTokenIds: plain.newTokenIds, stoppedBy: stop });
    }
  });
});

const models = fileURLToPath(new URL('../../../models/', import.meta.url));

test.each([
  [`heads=${join(models, 'story-llama-heads')}`, 'story-llama'],
  // Beside the model, called like it.
  ['heads', 'story-llama/'],
  [`draft=${join(models, 'story-draft')}`, 'story-llama'],
  [`draft=${join(models, 'story-draft')}`, 'story-gated-delta-net'],
])('%s proposes to %s of the repository, whose text stays as it is', async (source, name) => {
  const argv = ['--model', models + name, '--prompt', 'Once there was', '--max-new-tokens', '80'];
  const plain = await json(...argv);
  const made = await json(...argv, '--speculative', source);
  expect(made.newTokenIds).toEqual(plain.newTokenIds);
  expect(made.speculation!.accepted).toBeGreaterThan(0);
});

test('heads that are not beside the model are missed by their path', async () => {
  const { status, stderr } = await generate('--prompt', 'a', '--speculative', 'heads');
  expect(status).toBe(1);
  expect(stderr).toContain(`${smallModel}-heads: there is no such directory`);
});

test.each([
  ['https://example.org/models/mine/?key=1', 'https://example.org/models/mine-heads?key=1'],
  ['file:///models/mine', 'file:///models/mine-heads'],
])('of a model at %s they are at %s', (model, heads) => {
  expect(headsBeside(model)).toBe(heads);
});

test('the summary counts drafts', async () => {
  const { stderr } = await generate('--prompt', repeating, '-n', '10', '--speculative', 'lookup');
  expect(stderr).toMatch(/^10 tokens, \d+\.\d tokens\/s, cpu, \d+ of \d+ drafted tokens accepted in \d+ rounds\n$/);
});

test('a draft of other tokens, and one that does not exist, are refused', async () => {
  const other = await generate('--prompt', 'a', '--speculative', `draft=${caseDirectory('llama-minimal')}`);
  expect(other.status).toBe(1);
  expect(other.stderr).toContain("The draft model does not read the target's tokens");
  const unknown = await generate('--prompt', 'a', '--speculative', 'guess');
  expect(unknown.status).toBe(2);
  expect(unknown.stderr).toContain('expected lookup, draft=<dir>, heads or heads=<dir>, not guess.');
});
