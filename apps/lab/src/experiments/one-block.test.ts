import { CpuDevice } from '@tessera/tensor-core';
import { expect, test } from 'vitest';
import { oneBlockStudy } from './one-block.ts';

test(
  'memory mosaic 11.8: one block of memories and one of a transformer are trained on stories at equal parameters',
  { timeout: 60_000 },
  async () => {
    const study = oneBlockStudy({
      width: 16,
      heads: 2,
      vocabSize: 300,
      stories: 200,
      rows: 2,
      context: 16,
      steps: 2,
      measured: 1,
    });
    const { signal } = new AbortController();
    await study.run({ device: new CpuDevice(), seeds: [0], signal, progress: () => {} });
    const { text, data, pictures } = study.finding();
    const { results } = data as {
      results: { mixer: string; parameters: number; measured: { validationLoss: number } }[];
    };
    expect(results.map(({ mixer }) => mixer)).toEqual(['Memory Mosaic', 'transformer']);
    const [mosaic, transformer] = results.map(({ parameters }) => parameters);
    expect(Math.abs(mosaic! / transformer! - 1)).toBeLessThan(0.01);
    for (const { measured } of results) expect(measured.validationLoss).toBeGreaterThan(1);
    expect(text).toContain('| Memory Mosaic | 16 |');
    expect(pictures['']!.match(/<circle/g)).toHaveLength(2);
  },
);
