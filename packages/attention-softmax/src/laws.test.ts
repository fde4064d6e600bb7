import { describeMixer, mixerLaws } from '@tessera/plugin-testing';
import type { AnyMixer } from '@tessera/plugin';
import { windowCache } from '@tessera/plugin';
import { CpuDevice } from '@tessera/tensor-core';
import { describe, expect, test } from 'vitest';
import { bidirectionalAttention } from './bidirectional-attention.ts';
import { configs } from './law-configs.test-data.ts';
import { softmaxAttention } from './softmax-attention.ts';

describe.each(configs)('%s', (_, config) => {
  describeMixer(softmaxAttention, config, 12, { test });
  describeMixer(bidirectionalAttention, config, 12, { test });
});

describe('from definitions alone, in double precision, a window of 5', () => {
  const devices = [new CpuDevice({ precision: 'f64', definitionsOnly: true })];
  // `empty`: the definition of softmax has no maximum over no key.
  describeMixer(softmaxAttention, { heads: 2, window: 5 }, 12, { test, devices, tolerance: 1e-12, empty: false });
});

test('a ring that is one slot too small is noticed by the laws', async () => {
  const window = 5;
  const narrow = { ...windowCache(window), slots: () => window - 1 + 7 - 1 }; // the laws' longest drafts have 7 entries
  const decoding = (softmaxAttention as AnyMixer).decoding!;
  const mixer: AnyMixer = {
    ...softmaxAttention,
    decoding: { ...decoding, init: (site) => decoding.init({ ...site, cache: narrow }) },
  };
  const broken: string[] = [];
  for (const law of mixerLaws({ mixer, config: { heads: 2, window }, dModel: 12 }))
    await law.run().catch(() => broken.push(law.name));
  expect(broken).toContain('after accepted parts of chains it goes on as if the rest had never been');
});
