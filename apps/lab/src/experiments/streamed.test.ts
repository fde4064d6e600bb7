import { softmax, softmaxAttention } from '@tessera/attention-softmax';
import { createAssembler } from '@tessera/assembler';
import { CpuDevice } from '@tessera/tensor-core';
import { sinkCache } from '@tessera/streaming-sinks';
import { expect, test } from 'vitest';
import { sinkCausesStudy } from './sink-causes.ts';
import { alongStream } from './stream-run.ts';
import { meanLoss, streamedLoss } from './streamed-loss.ts';
import { streamedPerplexityStudy } from './streamed-perplexity.ts';

const { signal } = new AbortController();
const models = [new URL('../../../models/story-llama', import.meta.url).pathname];
const setting = { models, files: [], held: 1, count: 96, seen: 24 };

test('streaming sinks 10.8: losses of a stream are those of tokens read one by one, and its state stays as large as it was', async () => {
  await using model = await createAssembler({ plugins: [softmax] }).assemble(
    {
      vocabSize: 9,
      dModel: 8,
      maxPositions: 16,
      layers: [{ mixer: softmaxAttention({ heads: 2, rotary: { theta: 30 } }) }],
    },
    { device: 'cpu', cachePolicy: sinkCache({ sinks: 2, window: 5 }) },
  );
  const tokens = Array.from({ length: 60 }, (_, i) => (i * i + 2) % 9);
  const { losses, bytes } = await streamedLoss(model, tokens, { signal, chunk: 7 });
  using session = await model.session();
  for (const [t, loss] of losses.entries()) {
    const logits = await session.feed([[tokens[t]!]]);
    const most = Math.max(...logits);
    const total = logits.reduce((sum, logit) => sum + Math.exp(logit - most), 0);
    expect(loss).toBeCloseTo(most + Math.log(total) - logits[tokens[t + 1]!]!, 4);
  }
  expect(losses).toHaveLength(59);
  expect(bytes[0]).toBeGreaterThan(0);
  expect(bytes[1]).toBe(bytes[0]);
});

test('parts of a stream are as long as each other and leave nothing out', () => {
  expect(alongStream([1, 3, 5, 9, 2], 2)).toEqual([
    [2, 2],
    [5, 16 / 3],
  ]);
  expect(meanLoss([1, 3, 5], 1)).toBe(4);
});

test(
  'streaming sinks 10.9: a stream of stories has a row for each number of sinks and one for recomputing',
  { timeout: 60_000 },
  async () => {
    const told: string[] = [];
    const study = streamedPerplexityStudy({ ...setting, every: 24, sinks: [0, 2] });
    await study.run({ device: new CpuDevice(), seeds: [0], signal, progress: (line) => told.push(line) });
    expect(told.map((line) => line.split(':')[0])).toEqual([
      'story-llama, no sinks',
      'story-llama, 2 sinks',
      'story-llama, recompute',
    ]);
    const { text, data, pictures } = study.finding();
    expect(text).toContain('| story-llama | recompute | 3 |  |');
    const { results } = data as { results: { lossOfSome: number; bytes?: readonly number[] }[] };
    for (const { lossOfSome, bytes } of results) {
      expect(lossOfSome).toBeGreaterThan(0);
      expect(bytes?.[1]).toBe(bytes?.[0]);
    }
    expect(pictures['-story-llama']!.match(/<polyline/g)).toHaveLength(3);
  },
);

test(
  'without sinks it does not matter to rotary positions where they are counted from',
  { timeout: 60_000 },
  async () => {
    const study = sinkCausesStudy({ ...setting, sinks: 4 });
    await study.run({ device: new CpuDevice(), seeds: [0], signal, progress: () => {} });
    const { text, data } = study.finding();
    expect(text).toMatch(/\| story-llama \| 4 \| \d+\.\d+ \| \d+\.\d+ \|/);
    const { results } = data as { results: { loss: number; sinks: number }[] };
    expect(results.map(({ sinks }) => sinks)).toEqual([0, 0, 4, 4]);
    expect(results[0]!.loss).toBeCloseTo(results[1]!.loss, 4);
    expect(Math.abs(results[2]!.loss - results[3]!.loss)).toBeGreaterThan(1e-4);
  },
);
