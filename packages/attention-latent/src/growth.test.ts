import { softmaxAttention } from '@tessera/attention-softmax';
import type { MixerUse } from '@tessera/plugin';
import { CpuDevice, bytesPerElement } from '@tessera/tensor-core';
import { expect, test } from 'vitest';
import { accountingTable, bytesPerToken } from './accounting/cache-accounting.ts';
import { groupedLatentAttention } from './latent/grouped-latent-attention.ts';
import { multiHeadLatentAttention } from './latent/multi-head-latent-attention.ts';
import { stateBytesAfter } from '@tessera/plugin-testing';
import { groupedTiedAttention } from './tied/grouped-tied-attention.ts';

const sizes = { heads: 4, headDim: 4, kvHeads: 2 };
const head = { heads: 4, headDim: 4, rotary: {} };

/** The six attentions of the table, at these sizes. */
const uses: Readonly<Record<string, MixerUse>> = {
  MHA: softmaxAttention(head),
  GQA: softmaxAttention({ ...head, kvHeads: 2 }),
  MQA: softmaxAttention({ ...head, kvHeads: 1 }),
  MLA: multiHeadLatentAttention(head),
  GLA: groupedLatentAttention(head),
  GTA: groupedTiedAttention({ ...head, kvHeads: 2 }),
};

test.each(accountingTable(sizes).map(({ shape }) => [shape.name, shape] as const))(
  'latent attention 12.6: %s allocates for each token the bytes of the formula, and the number of its position',
  async (name, shape) => {
    const after = (tokens: number): Promise<number> =>
      stateBytesAfter(uses[name]!, new CpuDevice(), { tokens, chunk: 100, dModel: 16 });
    const [few, many] = [await after(100), await after(1100)];
    expect(many - few).toBe(1000 * (bytesPerToken(shape) + bytesPerElement('i32')));
  },
);
