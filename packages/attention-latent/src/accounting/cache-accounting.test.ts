import { softmaxAttention } from '@tessera/attention-softmax';
import type { AnyMixer, MixerUse } from '@tessera/plugin';
import { decodingOf, validate } from '@tessera/plugin';
import { CpuDevice, bytesPerElement, trace, treeEntries } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import { describe, expect, test } from 'vitest';
import { groupedLatentAttention } from '../latent/grouped-latent-attention.ts';
import { multiHeadLatentAttention } from '../latent/multi-head-latent-attention.ts';
import { groupedTiedAttention } from '../tied/grouped-tied-attention.ts';
import { accountingTable, arithmeticIntensity, bytesPerToken, copiesOverRanks } from './cache-accounting.ts';

const sizes = { heads: 32, headDim: 128, kvHeads: 8 };
const rows = new Map(accountingTable(sizes).map((row) => [row.shape.name, row]));

test('latent attention 12.5: the table is that of the paper', () => {
  expect(Object.fromEntries([...rows].map(([name, { perRank }]) => [name, perRank]))).toEqual({
    MHA: [64, 32, 16, 8],
    GQA: [16, 8, 4, 2],
    MQA: [2, 2, 2, 2],
    MLA: [4.5, 4.5, 4.5, 4.5],
    GLA: [4.5, 2.5, 2.5, 2.5],
    GTA: [8.5, 4.5, 2.5, 1.5],
  });
});

test('operations for each byte are g for two tensors, twice that for one', () => {
  expect(Object.fromEntries([...rows].map(([name, { intensity }]) => [name, intensity]))).toEqual({
    MHA: 1,
    GQA: 4,
    MQA: 32,
    MLA: 64,
    GLA: 32,
    GTA: 8,
  });
  const { shape } = rows.get('MLA')!;
  // 2 L / (2 + (m_kv / g) L), and with q new positions about q times as many.
  expect(arithmeticIntensity(shape, { length: 1024 })).toBeCloseTo((2 * 1024) / (2 + 1024 / 32), 12);
  expect(arithmeticIntensity(shape, { queries: 4 })).toBe(256);
  expect(arithmeticIntensity(shape, { length: 1e9, queries: 4 })).toBeCloseTo(256, 2);
  expect(arithmeticIntensity(shape, { bytesPerElement: 4 })).toBe(32);
});

test('heads are kept once as long as there are as many as ranks', () => {
  const copies = (name: string): number[] => [1, 2, 4, 8].map((ranks) => copiesOverRanks(rows.get(name)!.shape, ranks));
  expect(copies('GQA')).toEqual([1, 1, 1, 1]);
  expect(copies('GLA')).toEqual([1, 1, 2, 4]);
  expect(copies('MLA')).toEqual([1, 2, 4, 8]);
});

const small = { heads: 8, headDim: 8, kvHeads: 4 };
const rotary = { rotary: {} };

/** Mixers of the table, at a small size. A rank of N is a mixer with its share of the heads. */
const mixers: Readonly<Record<string, (ranks: number) => MixerUse>> = {
  MHA: (N) => softmaxAttention({ heads: 8 / N, headDim: 8 }),
  GQA: (N) => softmaxAttention({ heads: 8 / N, kvHeads: Math.max(1, 4 / N), headDim: 8 }),
  MQA: (N) => softmaxAttention({ heads: 8 / N, kvHeads: 1, headDim: 8 }),
  MLA: (N) => multiHeadLatentAttention({ heads: 8 / N, headDim: 8, ...rotary }),
  GLA: (N) => groupedLatentAttention({ heads: 8 / N, headDim: 8, latentHeads: Math.max(1, 2 / N), ...rotary }),
  GTA: (N) => groupedTiedAttention({ heads: 8 / N, kvHeads: Math.max(1, 4 / N), headDim: 8, ...rotary }),
};

/** Bytes of buffers that a state of so many slots is made of, its positions and counters apart. */
async function bytesOfBuffers({ mixer, config }: MixerUse, capacity: number): Promise<number> {
  const site = {
    config: validate<object>((mixer as AnyMixer).config, config, 'config'),
    dModel: 64,
    layer: 0,
    layers: 1,
  };
  const init = (): Tensor[] =>
    treeEntries(decodingOf(mixer).init({ ...site, batch: 1, capacity, chunk: 1, params: {} }))
      .filter(([, { dtype }]) => dtype === 'f32')
      .map(([, leaf]) => leaf);
  const device = new CpuDevice();
  const made = (await device.compile(trace(init, []))).run([]);
  const contents = await Promise.all(made.map((tensor) => device.read(tensor)));
  return contents.reduce((sum, data) => sum + data.byteLength, 0);
}

describe.each(accountingTable({ ...small, ranks: [1, 2, 4] }).map(({ shape }) => [shape.name, shape] as const))(
  '%s',
  (name, shape) => {
    test.each([1, 2, 4])(
      'latent attention 12.5: of %i ranks keeps the bytes of the formula in real buffers, for each token',
      async (ranks) => {
        const [ten, thousand] = await Promise.all(
          [10, 1010].map((slots) => bytesOfBuffers(mixers[name]!(ranks), slots)),
        );
        expect(thousand! - ten!).toBe(1000 * bytesPerToken(shape, { ranks }));
        expect(ten).toBe(10 * bytesPerToken(shape, { ranks }));
      },
    );
  },
);

test('latent attention 12.6: layers add up: memory grows by bytes a token and layer, times layers', () => {
  const { mixer, config } = mixers['GLA']!(1);
  const site = { config: validate<object>(mixer.config, config, 'config'), dModel: 64, layer: 0, layers: 3 };
  const memoryOf = (capacity: number): number =>
    [0, 1, 2].reduce(
      (sum, layer) => sum + decodingOf(mixer).memory({ ...site, layer, batch: 1, capacity, chunk: 1 }).bytes,
      0,
    );
  const perToken = bytesPerToken(accountingTable(small)[4]!.shape);
  // A slot also knows the position that it holds.
  expect(memoryOf(2001) - memoryOf(1001)).toBe(1000 * 3 * (perToken + bytesPerElement('i32')));
});
