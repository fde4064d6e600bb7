import type { GpuCapabilities } from '@tessera/tensor-core';
import { describe, expect, test } from 'vitest';
import { latentLayout } from './latent-attention-layout.ts';
import type { LatentSizes } from './latent-attention-layout.ts';

const capabilities = (maxComputeWorkgroupStorageSize: number): GpuCapabilities => ({
  features: new Set(),
  limits: { maxComputeWorkgroupStorageSize },
});

const caches: readonly (readonly [name: string, sizes: Pick<LatentSizes, 'G' | 'K' | 'V' | 'R'>])[] = [
  ['MLA', { G: 1, K: 576, V: 512, R: 64 }],
  ['GLA', { G: 2, K: 320, V: 256, R: 64 }],
  ['GTA', { G: 8, K: 128, V: 128, R: 64 }],
];

describe.each(caches)('attention over a cache of %s', (_, cache) => {
  test.each([16_384, 32_768, 49_152])('is divided in %i bytes of workgroup memory so that all is covered', (bytes) => {
    for (const H of [8, 24, 32, 128])
      for (const n of [1, 3, 4, 128])
        for (const S of [1, 63, 64, 65, 1000, 65_536]) {
          const layout = latentLayout({ B: 1, n, H, S, ...cache }, capabilities(bytes))!;
          const { rows, blocks, together, slots, parts, tiles, scoreRows } = layout;
          const all = (n * H) / cache.G;
          expect(rows * blocks).toBeGreaterThanOrEqual(all);
          expect(rows * (blocks - 1)).toBeLessThan(all);
          expect(rows % together).toBe(0);
          expect(rows % scoreRows).toBe(0);
          expect(rows).toBeLessThanOrEqual(32);
          expect(slots * tiles * parts).toBeGreaterThanOrEqual(S);
          expect(slots * tiles * (parts - 1)).toBeLessThan(S);
        }
  });

  test.each([1, 4])('keeps a large GPU busy with %i queries', (n) => {
    const sizes = { B: 1, n, H: 32, S: 65_536, ...cache };
    const { parts, blocks } = latentLayout(sizes, capabilities(49_152))!;
    expect(parts * blocks * cache.G).toBeGreaterThanOrEqual(256);
  });
});

test('a latent of which not even four slots fit is left to other ways', () => {
  const sizes = { B: 1, n: 1, H: 8, G: 1, S: 100, K: 1024, V: 1024, R: 0 };
  expect(latentLayout(sizes, capabilities(16_384))).toBeUndefined();
  expect(latentLayout({ ...sizes, K: 4096, V: 4096 }, capabilities(2 ** 30))).toBeUndefined();
});
