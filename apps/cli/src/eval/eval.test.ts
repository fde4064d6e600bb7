import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Model } from '@tessera/assembler';
import { cliAssembler } from '../load-model.ts';
import { caseDirectory, emptyDirectory, smallModel, writeTestFile } from '../testing/checkpoints.test-support.ts';
import { CollectingStream, runTessera } from '../testing/run-tessera.test-support.ts';
import { slicesOf } from './slices.ts';

const text = `JULIET:
O, what a noble man is here o'erthrown! The people and the king shall know of it, my lord; and so shall every gentleman.

ROMEO:
I know not what the senators may say of thee.
`.repeat(2);

let model: Model;
beforeAll(async () => void (model = await cliAssembler().load(smallModel)));
afterAll(() => model.dispose());

/** The mean loss from logits, in double precision. */
async function lossFromLogits(context: number): Promise<{ loss: number; tokens: number }> {
  const tokens = model.text!.tokenizer.encode(text);
  const losses: number[] = [];
  for (let start = 0; start + context + 1 <= tokens.length; start += context) {
    const { logits, shape } = await model.forward([tokens.slice(start, start + context)]);
    for (let t = 0; t < context; t++) {
      const row = Array.from(logits.subarray(t * shape[2], (t + 1) * shape[2]));
      const most = Math.max(...row);
      const total = row.reduce((sum, logit) => sum + Math.exp(logit - most), 0);
      losses.push(Math.log(total) + most - row[tokens[start + t + 1]!]!);
    }
  }
  return { loss: losses.reduce((sum, loss) => sum + loss, 0) / losses.length, tokens: losses.length };
}

describe('eval', () => {
  test('gives the mean cross-entropy of full slices', async () => {
    const file = await writeTestFile(await emptyDirectory(), 'text.txt', text);
    const expected = await lossFromLogits(32);
    const { status, stdout } = await runTessera(['eval', '--model', smallModel, file, '--context', '32', '--json']);
    const made = JSON.parse(stdout) as { loss: number; perplexity: number };
    expect(status).toBe(0);
    expect(made).toMatchObject({ tokens: expected.tokens, context: 32, stride: 32, device: 'cpu', model: smallModel });
    expect(made.loss).toBeCloseTo(expected.loss, 5);
    expect(made.perplexity).toBeCloseTo(Math.exp(made.loss), 8);
  });

  test('adds up several files, each with its own line', async () => {
    const directory = await emptyDirectory();
    const files = [
      await writeTestFile(directory, 'a.txt', text),
      await writeTestFile(directory, 'b.txt', 'To be, or not'),
    ];
    const { stdout } = await runTessera(['eval', '--model', smallModel, ...files, '--context', '48', '--json']);
    const {
      loss,
      tokens,
      files: each,
    } = JSON.parse(stdout) as {
      loss: number;
      tokens: number;
      files: { loss: number; tokens: number }[];
    };
    expect(tokens).toBe(each[0]!.tokens + each[1]!.tokens);
    expect(loss).toBeCloseTo((each[0]!.loss * each[0]!.tokens + each[1]!.loss * each[1]!.tokens) / tokens, 10);
    const plain = await runTessera(['eval', '--model', smallModel, ...files, '--context', '48']);
    expect(plain.stdout.trim().split('\n')).toHaveLength(3);
    expect(plain.stdout).toMatch(/^all: loss \d\.\d{4} nats\/token, perplexity [\d.]+, \d+ tokens, [\d.]+ s$/m);
  });

  test('shows a person how long it will take', async () => {
    const file = await writeTestFile(await emptyDirectory(), 'text.txt', text);
    const stderr = new CollectingStream({ isTTY: true });
    await runTessera(['eval', '--model', smallModel, file, '--context', '16'], { stderr });
    expect(stderr.text).toMatch(/text\.txt: [\d,]+ of [\d,]+ tokens, [\d.]+ s left/);
  });

  test('ends with 130 on Ctrl-C', async () => {
    const file = await writeTestFile(await emptyDirectory(), 'text.txt', text);
    const interrupt = new AbortController();
    const stderr = new CollectingStream({
      isTTY: true,
      onWrite: ({ text: seen }) => seen.includes('left') && interrupt.abort(),
    });
    const argv = ['eval', '--model', smallModel, file, '--context', '8'];
    const { status, stdout } = await runTessera(argv, { stderr, signal: interrupt.signal });
    expect({ status, stdout }).toEqual({ status: 130, stdout: '' });
  });

  test('says what is missing', async () => {
    const directory = await emptyDirectory();
    const file = await writeTestFile(directory, 'text.txt', text);
    const one = await writeTestFile(directory, 'one.txt', 'a');
    const bytes = await writeTestFile(directory, 'bytes.txt', new Uint8Array([0xff, 0xfe, 0x00]));
    const evaluate = async (...argv: string[]): Promise<string> => (await runTessera(['eval', ...argv])).stderr;
    expect(await evaluate('--model', caseDirectory('llama-minimal'), file)).toContain('has no tokenizer.json');
    expect(await evaluate('--model', smallModel, one)).toContain('has fewer than two tokens');
    expect(await evaluate('--model', smallModel, bytes)).toContain('it is not UTF-8 text');
    expect(await evaluate('--model', smallModel, `${file}.gone`)).toContain('there is no such file');
    expect(await evaluate('--model', smallModel, directory)).toContain('it is a directory');
  });
});

describe('slices', () => {
  const tokens = Array.from({ length: 10 }, (_, id) => id);

  test('have one token more than the context, and the last partial one is dropped', () => {
    expect(slicesOf(tokens, 4, 4)).toEqual([
      { tokens: [0, 1, 2, 3, 4], scored: 4 },
      { tokens: [4, 5, 6, 7, 8], scored: 4 },
    ]);
  });

  test('that overlap score no token twice', () => {
    expect(slicesOf(tokens, 4, 2).map(({ tokens: [first], scored }) => [first, scored])).toEqual([
      [0, 4],
      [2, 2],
      [4, 2],
    ]);
  });

  test('of a short text are one shorter slice, of a single token none', () => {
    expect(slicesOf(tokens, 10, 10)).toEqual([{ tokens, scored: 9 }]);
    expect(slicesOf(tokens, 9, 9)).toEqual([{ tokens, scored: 9 }]);
    expect(slicesOf([1], 4, 4)).toEqual([]);
  });
});
