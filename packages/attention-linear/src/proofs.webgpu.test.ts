import { requestWebGpu } from '@tessera/kernels-webgpu';
import type { AnyState } from '@tessera/plugin';
import { decodingOf, validate } from '@tessera/plugin';
import { softwareGpu, takesAll } from '@tessera/software-gpu';
import { describe, expect, test } from 'vitest';
import { Layer, normals } from './grouped/grouped-layer.test-support.ts';
import { proven } from './proofs.test-data.ts';
import { stateBytesAfter } from '@tessera/plugin-testing';

const device = (await requestWebGpu({ gpu: await softwareGpu() }))!;
const D = 8;

// The laws have training and prefill, to the bit, on this device too. Shaders of a mixer take up to minutes to compile.
const shown = 'grouped linear attention';
const all = takesAll('proofs of the other mixers on the software GPU');
const some = all ? proven : proven.filter(([name]) => name === shown);

describe.each(some)('%s', (_, use) => {
  test('linear attention 12.5: in verification a node sees its path alone, to the bit, on WebGPU', async () => {
    const layer = await Layer.draw(use.mixer, use.config as object, D, device);
    const parents = [-1, 0, 0, 2, 2, 1, -1];
    const pathTo = (node: number): number[] => (node < 0 ? [] : [...pathTo(parents[node]!), node]);
    const draft = await normals(26, [parents.length * D]);
    const huge = (await normals(27, [draft.length])).map((value) => 1e3 * value);
    const state: AnyState = (await layer.step(layer.start(), await normals(28, [3 * D]), 3)).state;
    const { y } = await layer.step(state, draft, 3, parents);
    for (const node of [0, 3, 5, 6]) {
      const others = Float64Array.from(huge);
      for (const own of pathTo(node)) others.set(draft.subarray(own * D, (own + 1) * D), own * D);
      const again = (await layer.step(state, others, 3, parents)).y;
      expect(again.subarray(node * D, (node + 1) * D), `node ${node}`).toEqual(y.subarray(node * D, (node + 1) * D));
      expect(again).not.toEqual(y);
    }
  });

  test('linear attention 12.9: GPU buffers hold as much after 10 000 tokens as after 10', async () => {
    const site = { config: validate<object>(use.mixer.config, use.config, 'config'), dModel: D, layer: 0, layers: 1 };
    const { bytes } = decodingOf(use.mixer).memory({ ...site, batch: 1, capacity: 10_000, chunk: 1000 });
    for (const [tokens, chunk] of [
      [10, 10],
      [10_000, 1000],
    ] as const)
      // prettier-ignore
      expect([tokens, await stateBytesAfter(use, device, { tokens, chunk, dModel: D })]).toEqual([tokens, bytes]);
  });
});
