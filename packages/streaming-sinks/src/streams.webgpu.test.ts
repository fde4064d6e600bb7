import { createAssembler } from '@tessera/assembler';
import { gatedDeltaNet, linearAttention } from '@tessera/attention-linear';
import { softmax, softmaxAttention } from '@tessera/attention-softmax';
import { requestWebGpu } from '@tessera/kernels-webgpu';
import { softwareGpu } from '@tessera/software-gpu';
import { expect, test } from 'vitest';
import { uses } from './laws.test-data.ts';
import { LayerStream, distance, drawnStream } from './layer-stream.test-support.ts';
import { sinkCache } from './sink-cache.ts';

const device = (await requestWebGpu({ gpu: await softwareGpu() }))!;

test.each(uses)(
  '%s: a stream over some turns of the ring, by tokens and by chunks, is that of the CPU',
  async (_, use) => {
    const tokens = drawnStream(8);
    const policy = sinkCache({ sinks: 3, window: 5 });
    const sizes = [1, 1, 20, 1, 1, 1, 1, 1, 20, 1, 1];
    const here = new LayerStream(use, policy, { chunk: 20 });
    const there = new LayerStream(use, policy, { chunk: 20, device });
    expect(distance(await there.through(tokens, sizes), await here.through(tokens, sizes))).toBeLessThan(5e-6);
    const { bytes } = there;
    await there.through(tokens, [1, 1]);
    expect(there.bytes).toBe(bytes);
  },
);

test('tokens that the device chooses and reads itself are those of the CPU, far past the context', async () => {
  const assembler = createAssembler({ plugins: [softmax, linearAttention] });
  const spec = {
    vocabSize: 11,
    dModel: 8,
    maxPositions: 16,
    layers: [
      { mixer: softmaxAttention({ heads: 2, rotary: { theta: 100 } }) },
      { mixer: gatedDeltaNet({ keyHeads: 2, valueHeads: 2, keyDim: 4, valueDim: 4 }) },
    ],
  };
  const cachePolicy = sinkCache({ sinks: 2, window: 6 });
  const prompt = Array.from({ length: 20 }, (_, i) => (i * i + 3) % 11);
  const options = { maxNewTokens: 60, temperature: 0, ignoreEos: true } as const;
  await using there = await assembler.assemble(spec, { device, cachePolicy });
  await using here = await assembler.assemble(spec, { device: 'cpu', cachePolicy });
  const [a, b] = [await there.generate(prompt, options), await here.generate(prompt, options)];
  expect(a.newTokenIds).toEqual(b.newTokenIds);
  expect(new Set(a.newTokenIds).size).toBeGreaterThan(1);
});
