import { readFileSync } from 'node:fs';
import { memorySink, memorySource } from '@tessera/checkpoints';
import { batchOf, batchesOf } from '@tessera/training';
import { expect, test, vi } from 'vitest';
import { speculate } from '../examples/speculate.ts';
import { generate, train } from '../examples/train-heads.ts';
import { modelOf, stacks } from './stacks.test-support.ts';

const text = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');

test('the example gives one text three times, by look-ups in fewer rounds', async () => {
  const log = vi.spyOn(console, 'log').mockImplementation(() => {});
  const [plain, drafted, lookedUp] = await speculate();
  log.mockRestore();
  expect(drafted!.newTokenIds).toEqual(plain!.newTokenIds);
  expect(lookedUp!.newTokenIds).toEqual(plain!.newTokenIds);
  expect(lookedUp!.speculation!.rounds).toBeLessThan(100);
});

test('heads are trained, saved, and draft', async () => {
  const log = vi.spyOn(console, 'log').mockImplementation(() => {});
  await using model = await modelOf(stacks[0]![1]);
  // Tokens that follow from the last one.
  const rows = [0, 1, 2, 3].map((from) => Array.from({ length: 17 }, (_, t) => [3, 1, 4, 9][(from + t) % 4]!));
  const sink = memorySink();
  const accuracy = await train(model, batchesOf(rows, 4), [batchOf(rows)], sink);
  log.mockRestore();
  for (const part of accuracy) expect(part).toBeGreaterThan(0.5);
  const prompt = rows[0]!.slice(0, 6);
  const plain = await model.generate(prompt, { maxNewTokens: 60 });
  const made = await generate(model, prompt, memorySource(sink.files));
  expect(made.newTokenIds).toEqual(plain.newTokenIds);
  expect(made.speculation!.rounds + made.speculation!.accepted).toBe(60);
});

test.each([
  ['speculate', 'speculate'],
  ['train-heads', 'train'],
  ['train-heads', 'generate'],
])('the README shows %s as it is: %s', (file, region) => {
  const [, code] = new RegExp(`#region ${region}\\n([\\s\\S]*?)\\n *// #endregion`).exec(
    text(`../examples/${file}.ts`),
  )!;
  expect(text('../README.md')).toContain(`\`\`\`ts\n${code!.replace(/^ {2}/gm, '')}\n\`\`\``);
});
