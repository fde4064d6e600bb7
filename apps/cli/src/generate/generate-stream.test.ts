import { join } from 'node:path';
import { expect, test } from 'vitest';
import { papersDirectory } from '../testing/checkpoints.test-support.ts';
import { runTessera } from '../testing/run-tessera.test-support.ts';

const model = join(papersDirectory, 'streaming_sinks_tiny'); // made for 64 positions
const endless = ['--max-new-tokens', '3000', '--ignore-eos', '--temperature', '0', '--device', 'cpu', '--json'];
const generate = (...argv: string[]): ReturnType<typeof runTessera> =>
  runTessera(['generate', '--model', model, '--prompt-ids', '1,2,3', ...endless, ...argv]);

test('with a window a text goes on far past the context, and without one it does not', async () => {
  const { status, stdout } = await generate('--sinks', '4', '--window', '20');
  const { newTokenIds, finishReason } = JSON.parse(stdout) as { newTokenIds: number[]; finishReason: string };
  expect({ status, finishReason, tokens: newTokenIds.length }).toEqual({
    status: 0,
    finishReason: 'length',
    tokens: 3000,
  });
  const plain = await generate();
  expect(plain.stderr).toContain('the context holds 64');
  expect(plain.status).toBe(1);
});

test('a window alone keeps four sinks', async () => {
  const texts = await Promise.all([
    generate('--window', '20'),
    generate('--sinks', '4', '--window', '20'),
    generate('--sinks', '0', '--window', '20'),
  ]);
  const [usual, four, none] = texts.map(({ stdout }) => (JSON.parse(stdout) as { newTokenIds: number[] }).newTokenIds);
  expect(usual).toEqual(four);
  expect(usual).not.toEqual(none);
});

test('more positions than the model was made for are told of, and the text goes on', async () => {
  const { status, stderr } = await generate('--sinks', '4', '--window', '100', '--max-new-tokens', '5');
  expect(stderr).toContain('more positions than the 64 that the model was made for');
  expect(status).toBe(0);
});

test.each(['generate', 'chat'])(
  '%s says what it needs beside --sinks, and refuses a window of none',
  async (command) => {
    const alone = await runTessera([command, '--model', model, '--sinks', '4']);
    expect(alone.stderr).toContain('--sinks says what is kept beside a window. Give --window <n>, too.');
    const none = await runTessera([command, '--model', model, '--window', '0']);
    expect(none.stderr).toContain('--window');
    expect([alone.status, none.status]).not.toContain(0);
  },
);
