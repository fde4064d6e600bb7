import { CpuDevice } from '@tessera/tensor-core';
import { expect, test } from 'vitest';
import { copiedTwice, scoreOfSecondCopy } from './induction-task.ts';
import { inductionStudy } from './induction.ts';

test('a copy is drawn with or without repetitions, and comes twice', () => {
  const distinct = copiedTwice({ vocabSize: 20, length: 20, drawn: 'distinct' }, [1, 2]);
  expect(distinct.slice(0, 20)).toEqual(distinct.slice(20));
  expect(new Set(distinct).size).toBe(20);
  const free = copiedTwice({ vocabSize: 4, length: 20, drawn: 'free' }, [1, 2]);
  expect(free.slice(0, 20)).toEqual(free.slice(20));
  expect(Math.max(...free)).toBeLessThan(4);
});

test('what is told is counted from the first token of the second copy to the last but one', () => {
  const tokens = [2, 0, 1, 2, 0, 1];
  const scores = [9, 9, 9, 9, 9, 9, 9, 9, 9, 3, 1, 0, 1, 0, 1, 9, 9, 9];
  // After the 2 comes 0, with 3 of 4; after the 0 comes 1, with nothing.
  expect(scoreOfSecondCopy(tokens, scores, 3)).toEqual({ accuracy: 0.5, share: 0.375 });
});

test('an untrained memory tells every token of a second copy, and untrained attention none', async () => {
  const study = inductionStudy({ scales: [5], copies: { vocabSize: 16, length: 12, rows: 2 } });
  const told: string[] = [];
  const { signal } = new AbortController();
  await study.run({ device: new CpuDevice(), seeds: [0], signal, progress: (line) => told.push(line) });
  expect(told).toHaveLength(6);
  const { text, pictures } = study.finding();
  expect(text).toContain('| mosaic, keys of one token | distinct | 5 | 0 | 1.0000 | 1.0000 |');
  expect(text).toContain('| mosaic, leaky keys (β = 1) | free | 5 | 0 | 1.0000 |');
  expect(text).toContain('| attention | distinct | 5 | 0 | 0.0000 | 0.0000 |');
  expect(pictures['']!.match(/<polyline/g)).toHaveLength(6);
});

test('a study that is stopped keeps what it has', async () => {
  const study = inductionStudy({ scales: [1], copies: { vocabSize: 8, length: 4, rows: 1 } });
  const stop = new AbortController();
  const call = {
    device: new CpuDevice(),
    seeds: [0],
    signal: stop.signal,
    progress: () => stop.abort(new Error('Enough.')),
  };
  await expect(study.run(call)).rejects.toThrow('Enough.');
  expect(study.finding().text.match(/\| 0\.|\| 1\./g)).toHaveLength(2);
});
