import { CpuDevice } from '@tessera/tensor-core';
import { expect, test } from 'vitest';
import { heldRows, randomAutomaton, validShare } from './regular-language-task.ts';
import { regularLanguagesStudy } from './regular-languages.ts';

const task = { symbols: 6, states: [3, 5], edges: [1, 3], word: [1, 6], context: 24 } as const;

test('words are what their automaton allows, and stand apart', () => {
  const rows = heldRows(task, 20);
  rows.forEach(({ tokens, allowed }) => {
    expect(tokens).toHaveLength(25);
    expect(tokens.map((token) => token === 0)).toEqual(allowed.map((symbols) => symbols === undefined));
    expect(tokens.every((token, t) => allowed[t]?.has(token) ?? token === 0)).toBe(true);
  });
  const states = rows.map((_, i) => randomAutomaton(task, [1, i]).length);
  expect([Math.min(...states), Math.max(...states)]).toEqual([3, 5]);
  expect(new Set(rows.map(({ tokens }) => tokens.join())).size).toBe(20);
});

test('valid is what may come, whether it comes or not', () => {
  const rows = heldRows(task, 4);
  const logits = new Float32Array(4 * 24 * 7);
  rows.forEach(({ allowed }, row) =>
    allowed.slice(1).forEach((symbols, t) => {
      const some = symbols ? Math.max(...symbols) : 0;
      logits[(row * 24 + t) * 7 + some] = 1;
    }),
  );
  expect(validShare(rows, logits)).toBe(1);
  const wrong = logits.map((_, at) => {
    const [row, t] = [Math.floor(at / 7 / 24), Math.floor(at / 7) % 24];
    return rows[row]!.allowed[t + 1]?.has(at % 7) ? 0 : 1;
  });
  expect(validShare(rows, wrong)).toBe(0);
});

test(
  'memory mosaic 11.9: both kinds of blocks are trained on some automata and measured on others',
  { timeout: 60_000 },
  async () => {
    const study = regularLanguagesStudy({
      task,
      automata: 5,
      width: 8,
      heads: 2,
      blocks: 1,
      rows: 2,
      steps: 2,
      measured: 4,
    });
    const { signal } = new AbortController();
    await study.run({ device: new CpuDevice(), seeds: [0], signal, progress: () => {} });
    const { text, pictures } = study.finding();
    expect(text).toMatch(/\| Memory Mosaic \| 8 \| [\d,]+ \| 96 \| 0 \| [01]\.\d{4} \|/);
    expect(text).toMatch(/\| transformer \| 8 \|/);
    expect(pictures['']!.match(/<circle/g)).toHaveLength(2);
  },
);
