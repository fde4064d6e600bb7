import { requestWebGpu } from '@tessera/kernels-webgpu';
import type { AnyMixer, MixerUse } from '@tessera/plugin';
import { decodingOf, validate } from '@tessera/plugin';
import { softwareGpu } from '@tessera/software-gpu';
import { fillTree, trace, treeLeaves } from '@tessera/tensor-core';
import type { Tensor, TensorType } from '@tessera/tensor-core';
import { expect, test } from 'vitest';
import { groupedLatentAttention } from './latent/grouped-latent-attention.ts';
import { multiHeadLatentAttention } from './latent/multi-head-latent-attention.ts';
import { groupedTiedAttention } from './tied/grouped-tied-attention.ts';

const device = (await requestWebGpu({ gpu: await softwareGpu() }))!;
const [dModel, capacity] = [32, 16_384];
const latent = { heads: 4, headDim: 8, rotaryDim: 4, rotary: {} };

const uses: readonly [string, MixerUse, number][] = [
  ['MLA', multiHeadLatentAttention({ ...latent, queryRank: 16 }), 36],
  ['MLA in pages of 16', multiHeadLatentAttention({ ...latent, pageSize: 16 }), 36],
  ['GLA in pages of 1', groupedLatentAttention({ ...latent, pageSize: 1 }), 36],
  ['GTA in pages of 64', groupedTiedAttention({ ...latent, kvHeads: 2, pageSize: 64 }), 20],
];

test.each(uses)(
  '%s: a decode step writes its cache in place and makes no copy of it',
  (_, { mixer, config }, width) => {
    const decoding = decodingOf(mixer);
    const site = {
      config: validate<object>((mixer as AnyMixer).config, config, 'config'),
      dModel,
      layer: 0,
      layers: 1,
    };
    const state = decoding.init({ ...site, batch: 1, capacity, chunk: 4, params: {} });
    const leaves = treeLeaves(state);
    const specs = Object.entries(mixer.params(site) as Record<string, { readonly shape: readonly number[] }>);
    const type = (shape: readonly number[], dtype: TensorType['dtype']): TensorType => ({ shape, dtype });
    for (const n of [1, 4]) {
      const inputs = [
        type([1, n, dModel], 'f32'),
        type([1, n], 'i32'),
        type([1], 'i32'),
        type([1], 'i32'),
        ...leaves.map(({ shape, dtype }) => ({ shape, dtype })),
        ...specs.map(([, { shape }]) => type(shape, shape.length > 1 ? 'bf16' : 'f32')),
      ];
      const graph = trace((x, positions, starts, lengths, ...rest) => {
        const params = Object.fromEntries(specs.map(([name], index) => [name, rest[leaves.length + index]!]));
        const given = fillTree(state, rest.slice(0, leaves.length));
        const call = { params, config: site.config, x, positions, starts, lengths, state: given };
        const made = decoding.step(call as Parameters<typeof decoding.step>[0]);
        return [made.y, ...treeLeaves(made.state)] as Tensor[];
      }, inputs);
      const memory = device.planMemory!(graph, { donate: leaves.map((__, index) => 4 + index) });
      const cache = 4 * capacity * width;
      // The output, and small tensors of which another one stands in for the state.
      expect(memory.outputs.reduce((sum, bytes) => sum + bytes, 0)).toBeLessThan(cache / 8);
      // The largest are sums of the parts of the cache, 128 at most.
      expect(Math.max(...memory.temporaries)).toBeLessThanOrEqual(4 * n * 4 * 128 * 32);
      expect(4 * n * 4 * 128 * 32).toBeLessThan(cache / 4);
    }
  },
);
