import { CpuDevice } from '@tessera/tensor-core';
import { expect, test } from 'vitest';
import { secondCopyBatch, secondCopyRow, targetsTold } from './second-copy-task.ts';
import { secondCopyStudy } from './second-copy.ts';

const task = { vocabSize: 8, shortest: 3, longest: 5 };

test('a row is copies of one sequence, and the second but for its first token is asked for', () => {
  const lengths = new Set<number>();
  for (let number = 0; number < 20; number++) {
    const { tokens, targets, length } = secondCopyRow(task, [3, number]);
    lengths.add(length);
    expect(tokens).toHaveLength(11);
    tokens.forEach((token, t) => expect(token).toBe(tokens[t % length]));
    expect(targets.map((target, t) => (target === 1 ? t : 0)).filter((t) => t > 0)).toEqual(
      Array.from({ length: length - 1 }, (_, i) => length + 1 + i),
    );
  }
  expect([...lengths].toSorted((a, b) => a - b)).toEqual([3, 4, 5]);
});

test('what is told right is counted where it is asked for', () => {
  const batch = secondCopyBatch(task, 2, [1, 1]);
  const { tokens, context } = batch;
  const logits = new Float32Array(2 * context * 8);
  for (let row = 0; row < 2; row++)
    for (let t = 0; t < context; t++) logits[(row * context + t) * 8 + tokens[row * (context + 1) + t + 1]!] = 1;
  expect(targetsTold(batch, logits)).toBe(1);
  expect(
    targetsTold(
      batch,
      logits.map((logit) => -logit),
    ),
  ).toBe(0);
});

test('each stack is trained and measured for each seed', async () => {
  const study = secondCopyStudy({ task, width: 8, rows: 4, steps: 3 });
  const { signal } = new AbortController();
  await study.run({ device: new CpuDevice(), seeds: [0, 1], signal, progress: () => {} });
  const { text, pictures } = study.finding();
  for (const name of ['mosaic, one layer', 'attention, one layer', 'attention, two layers'])
    expect(text).toMatch(new RegExp(`\\| ${name} \\| 8 \\| \\d+ \\| 120 \\| 0, 1 \\| [01]\\.\\d{4} \\[`));
  expect(pictures['']!.match(/<circle/g)).toHaveLength(6);
});
