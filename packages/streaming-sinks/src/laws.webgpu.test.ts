import { requestWebGpu } from '@tessera/kernels-webgpu';
import { describeMixer } from '@tessera/plugin-testing';
import { softwareGpu } from '@tessera/software-gpu';
import { CpuDevice } from '@tessera/tensor-core';
import { describe, expect, test } from 'vitest';
import { longer, under, uses } from './laws.test-data.ts';
import { LayerStream, distance, drawnStream } from './layer-stream.test-support.ts';
import { sinkCache } from './sink-cache.ts';

const device = (await requestWebGpu({ gpu: await softwareGpu() }))!;

describe.each(uses)('%s under a policy of sinks', (_, use) => {
  const { mixer, config } = under(longer, use);
  describeMixer(mixer, config, 12, { test, devices: [device], reference: new CpuDevice() });

  test('a stream over some turns of the ring, by tokens and by chunks, is that of the CPU', async () => {
    const tokens = drawnStream(8);
    const policy = sinkCache({ sinks: 3, window: 5 });
    const sizes = [1, 1, 20, 1, 1, 1, 1, 1, 20, 1, 1];
    const [here, there] = [
      new LayerStream(use, policy, { chunk: 20 }),
      new LayerStream(use, policy, { chunk: 20, device }),
    ];
    expect(distance(await there.through(tokens, sizes), await here.through(tokens, sizes))).toBeLessThan(5e-6);
    const { bytes } = there;
    await there.through(tokens, [1, 1]);
    expect(there.bytes).toBe(bytes);
  });
});
