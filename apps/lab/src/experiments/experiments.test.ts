import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CpuDevice } from '@tessera/tensor-core';
import { expect, test } from 'vitest';
import { runPlan } from './experiment.ts';
import { mixers } from './mixers.ts';
import { modelOf } from './model-of.ts';
import { recallRow } from './recall-task.ts';
import { recallPlan } from './recall.ts';
import { stateBytes } from './state-bytes.ts';
import { stateBytesTable } from './state-bytes-table.ts';
import { tableOf } from './table.ts';
import { gatherResults, writeResults } from './write-results.ts';

test('each key of a row of recall comes twice, and only its second value is asked for', () => {
  const { tokens, targets } = recallRow({ vocabSize: 64, length: 40, pairs: 6 }, [1, 2]);
  expect(tokens).toHaveLength(41);
  expect(targets.filter((target) => target === 1)).toHaveLength(6);
  const told = new Map(Array.from({ length: 6 }, (_, pair) => [tokens[2 * pair]!, tokens[2 * pair + 1]!]));
  expect(told.size).toBe(6);
  targets.forEach((target, at) => {
    if (target !== 1) return;
    expect(at).toBeGreaterThan(12);
    expect(tokens[at]).toBe(told.get(tokens[at - 1]!));
  });
});

test('rows that teach ask for each key once, and for some of them again', () => {
  const asked = Array.from({ length: 12 }, (_, row) => {
    const { tokens, targets } = recallRow({ vocabSize: 64, length: 40, pairs: 6, often: true }, [1, row]);
    const told = new Map(Array.from({ length: 6 }, (__, pair) => [tokens[2 * pair]!, tokens[2 * pair + 1]!]));
    const places = targets.flatMap((target, at) => (target === 1 ? [at] : []));
    for (const at of places) expect(tokens[at]).toBe(told.get(tokens[at - 1]!));
    expect(new Set(places.map((at) => tokens[at - 1])).size).toBe(6);
    return places.length;
  });
  expect(Math.min(...asked)).toBeLessThan(10);
  expect(Math.max(...asked)).toBeGreaterThan(10);
});

test.each(Object.keys(mixers))('a model of %s has about as many parameters as it should', async (mixer) => {
  const shape = { vocabSize: 32, width: 16, layers: 1, heads: 2, context: 32, parameters: 12_000 };
  await using model = await modelOf(mixer, shape, new CpuDevice(), 0);
  expect(model.memory.parameters).toBeLessThanOrEqual(12_000);
  expect(model.memory.parameters).toBeGreaterThan(12_000 - 3 * 16 * 8);
});

test('an experiment is trained and measured, and its table has every run', async () => {
  const plan = { ...recallPlan('softmax', 8, 0, { steps: 1 }), measure: async () => ({ accuracy: 0.5 }) };
  const result = await runPlan(plan, new CpuDevice(), new AbortController().signal);
  expect(result).toMatchObject({ mixer: 'softmax', steps: 1, tokens: 64 * 128, measured: { accuracy: 0.5 } });
  expect(tableOf([result, { ...result, seed: 1, measured: { accuracy: 0.7 } }])).toContain(
    '| 0, 1 | 0.6000 [0.5000–0.7000] |',
  );
});

test('what several processes measured is gathered into one table and one picture, and devices are not mixed', () => {
  const folder = mkdtempSync(join(tmpdir(), 'experiment-'));
  const run = { mixer: 'gla', width: 16, parameters: 9, steps: 1, tokens: 4, seconds: 1, lastLoss: 2 };
  const made = (device: string, seed: number, validationLoss: number): string => {
    const results = [{ ...run, seed, measured: { validationLoss } }];
    writeResults(join(folder, device, String(seed)), { experiment: 'stories', device, results });
    return join(folder, device, String(seed), 'stories.json');
  };
  const files = [made('a', 1, 0.5), made('a', 0, 0.7)];
  writeResults(folder, gatherResults(files));
  expect(readFileSync(join(folder, 'stories.md'), 'utf8')).toContain('| 0, 1 | 0.6000 [0.5000–0.7000] |');
  expect(readFileSync(join(folder, 'stories.svg'), 'utf8').match(/<circle/g)).toHaveLength(2);
  expect(() => gatherResults([...files, made('b', 2, 0.6)])).toThrow(/is of stories on b, and .* of stories on a/);
});

test('a table of state bytes tells what is constant from what grows', async () => {
  const device = new CpuDevice();
  const counts = [3, 9];
  const rows = [await stateBytes(device, 'softmax', counts), await stateBytes(device, 'gated-delta-net', counts)];
  const text = stateBytesTable(counts, rows);
  // Keys and values of 4 heads of 16, and the position of the slot.
  expect(text).toMatch(/\| softmax \|.*\| 516 bytes a token \|/);
  expect(text).toMatch(/\| gated-delta-net \|.*\| constant \|/);
});
