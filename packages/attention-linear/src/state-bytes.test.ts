import { decodingOf, validate } from '@tessera/plugin';
import { CpuDevice } from '@tessera/tensor-core';
import { expect, test } from 'vitest';
import { proven } from './proofs.test-data.ts';
import { stateBytesAfter } from '@tessera/plugin-testing';

const dModel = 6;

test.each(proven)(
  'linear attention 12.9: the buffers of %s hold as much after 10 000 tokens as after 10',
  async (_, use) => {
    const site = { config: validate<object>(use.mixer.config, use.config, 'config'), dModel, layer: 0, layers: 1 };
    const { bytes } = decodingOf(use.mixer).memory({ ...site, batch: 1, capacity: 10_000, chunk: 500 });
    expect(bytes).toBeGreaterThan(0);
    for (const [tokens, chunk] of [
      [10, 1],
      [10_000, 500],
    ] as const)
      // prettier-ignore
      expect([tokens, await stateBytesAfter(use, new CpuDevice(), { tokens, chunk, dModel })]).toEqual([tokens, bytes]);
  },
);
