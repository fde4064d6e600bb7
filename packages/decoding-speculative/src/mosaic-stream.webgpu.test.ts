import { requestWebGpu } from '@tessera/kernels-webgpu';
import { contextualMemory } from '@tessera/mixers-memory-mosaic';
import { softwareGpu } from '@tessera/software-gpu';
import { sinkCache } from '@tessera/streaming-sinks';
import { expect, test } from 'vitest';
import { promptLookup } from './sources/prompt-lookup.ts';
import { speculative } from './speculative.ts';
import { modelOf } from './stacks.test-support.ts';

test('a Memory Mosaic whose pairs are evicted streams and speculates on a GPU as on the CPU', async () => {
  const device = (await requestWebGpu({ gpu: await softwareGpu() }))!;
  const cachePolicy = sinkCache({ sinks: 3, window: 6 });
  const mixers = [contextualMemory({ heads: 2 })];
  const prompt = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8];
  const options = { maxNewTokens: 24, temperature: 1, seed: 2 };
  {
    await using here = await modelOf(mixers, 3, { cachePolicy });
    await using there = await modelOf(mixers, 3, { cachePolicy, device });
    const { newTokenIds } = await here.generate(prompt, options);
    expect((await there.generate(prompt, options)).newTokenIds).toEqual(newTokenIds);
    const decoder = speculative({ draft: promptLookup(), longest: 2, adaptive: false });
    expect((await there.generate(prompt, { ...options, decoder })).newTokenIds).toEqual(newTokenIds);
  }
  device.dispose();
});
