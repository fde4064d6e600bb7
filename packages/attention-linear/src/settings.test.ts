import { decodingOf, validate } from '@tessera/plugin';
import type { MixerUse } from '@tessera/plugin';
import { describe, expect, test } from 'vitest';
import { gatedLinearAttention } from './gated-linear-attention/gated-linear-attention.ts';
import { kimiDeltaAttention } from './kimi-delta-attention/kimi-delta-attention.ts';
import { layers } from './law-configs.test-data.ts';
import { lightningAttention, lightningSlopes } from './lightning-attention/lightning-attention.ts';
import { retention } from './retention/retention.ts';

const heads = { heads: 4, keyDim: 4, valueDim: 4 };

describe('settings that do not fit each other are refused by their path, with a mend', () => {
  test.each<[MixerUse, string]>([
    [
      gatedLinearAttention({ ...heads, kvHeads: 3 }),
      'at.heads is 4, expected a multiple of kvHeads = 3, since each of those is shared by as many; set 3 or 6.',
    ],
    [
      kimiDeltaAttention({ keyHeads: 4, valueHeads: 2, keyDim: 4, valueDim: 4 }),
      'at.valueHeads is 2, expected a multiple of keyHeads = 4, since each of those is shared by as many; set 4.',
    ],
    [
      retention({ ...heads, keyDim: 5 }),
      'at.keyDim is 5, expected an even number, since its elements turn in pairs; set 6.',
    ],
    [
      lightningAttention({ ...heads, slopes: [1] }),
      'at.slopes has 1 numbers, expected one for each of 4 heads; take those of lightningSlopes.',
    ],
  ])('%#', ({ mixer, config }, message) => {
    expect(() => validate(mixer.config, config, 'at')).toThrow(message);
  });
});

test('slopes are those that were published: from 2^(−8 / H) down to 2^(−8), and flatter in later layers', () => {
  expect(lightningSlopes(8, 0, 80)[0]).toBeCloseTo(0.5, 4);
  expect(lightningSlopes(8, 0, 80)[7]).toBeCloseTo(2 ** -8, 6);
  expect(lightningSlopes(8, 79, 80)[0]).toBeCloseTo(0.5 * 1e-5, 6);
  expect(lightningSlopes(2, 1, 2)[1]).toBeGreaterThan(0);
});

test.each(layers)('%s: memory is the same for 10 positions and for 10 000', (_, { mixer, config }) => {
  const memoryOf = (capacity: number): object =>
    decodingOf(mixer).memory({
      config: validate<object>(mixer.config, config, 'config'),
      dModel: 12,
      layer: 0,
      layers: 1,
      batch: 2,
      capacity,
      chunk: 1,
    });
  expect(memoryOf(10)).toEqual(memoryOf(10_000));
});
