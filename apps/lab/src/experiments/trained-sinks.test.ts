import { CpuDevice } from '@tessera/tensor-core';
import { expect, test } from 'vitest';
import { backcopyBatches, backcopyText } from './backcopy-task.ts';
import { trainedSinksStudy } from './trained-sinks.ts';

const task = { vocabSize: 12, triggers: 2, triggerShare: 0.3 };

test('after a trigger the word before it comes again, for nothing, and triggers come as often as they should', () => {
  const { tokens, best } = backcopyText(task, 4000, [1, 2]);
  expect(tokens).toHaveLength(4001);
  expect(tokens[0]).toBe(0);
  expect(tokens.slice(1)).not.toContain(0);
  const places = Array.from({ length: 3999 }, (_, i) => i + 1);
  const triggers = places.filter((t) => tokens[t]! <= 2);
  expect(triggers.map((t) => tokens[t + 1])).toEqual(triggers.map((t) => tokens[t - 1]));
  expect(places.filter((t) => best[t] === 0)).toEqual(triggers);
  expect(Math.abs(triggers.length / (places.length - triggers.length) - 0.3)).toBeLessThan(0.03);
});

test('texts of a batch begin with their beginning or somewhere', async () => {
  const sizes = { rows: 3, context: 5, seed: 1 };
  const begun = (await backcopyBatches(task, { ...sizes, begins: true }).next())!;
  const cut = (await backcopyBatches(task, { ...sizes, begins: false }).next())!;
  expect([0, 6, 12].map((at) => begun.tokens[at])).toEqual([0, 0, 0]);
  expect([...cut.tokens]).not.toContain(0);
  expect(cut.tokens).toHaveLength(18);
});

test('streaming sinks 10.9: each training is streamed with and without sinks, at both kinds of positions, and read afresh', { timeout: 60_000 }, async () => {
  const sizes = { task, width: 8, layers: 1, context: 12, rows: 2, steps: 2, seen: 10, count: 60, every: 8 };
  const study = trainedSinksStudy(sizes);
  const { signal } = new AbortController();
  await study.run({ device: new CpuDevice(), seeds: [0], signal, progress: () => {} });
  const { text, data, pictures } = study.finding();
  const { results } = data as { results: { trained: string; name: string; bytes?: readonly number[]; lossOfSome: number }[] };
  expect(results).toHaveLength(9 + 8 + 2 * 5);
  for (const { bytes, lossOfSome } of results) {
    expect(lossOfSome).toBeGreaterThan(0);
    expect(bytes?.[1]).toBe(bytes?.[0]);
  }
  const of = (trained: string, name: string): number =>
    results.find((row) => row.trained === trained && row.name.startsWith(name))!.lossOfSome;
  // In one layer a stream is what its window is afresh, with a sink token as with the sink.
  expect(of('softmax', 'read afresh')).toBeCloseTo(of('softmax', 'no sinks'), 4);
  expect(of('softmax, with a sink token', 'read afresh after')).toBeCloseTo(of('softmax, with a sink token', '1 sink'), 4);
  expect(text).toMatch(/\| softmax off by one \| 4 \| \d+\.\d{3} \| \d+\.\d{3} \|/);
  expect(pictures['']!.match(/<polyline/g)).toHaveLength(7 + 3);
}); // prettier-ignore
