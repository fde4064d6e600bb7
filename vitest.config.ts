import { defaultClientConditions, defaultServerConditions } from 'vite';
import { defineConfig } from 'vitest/config';

// Tests on the software GPU: its driver reads the environment of a real process, which a thread cannot change.
const gpuTests = [
  'packages/kernels-webgpu/src/**/*.test.ts',
  'packages/*/src/**/*.webgpu.test.ts',
  'apps/*/src/**/*.webgpu.test.ts',
];

const browserTests = ['apps/browser-tests/src/**/*.test.ts'];

export default defineConfig({
  resolve: { conditions: ['@tessera/source', ...defaultClientConditions] },
  ssr: { resolve: { conditions: ['@tessera/source', ...defaultServerConditions] } },
  test: {
    maxWorkers: 2,
    testTimeout: 120_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'cpu',
          include: ['packages/*/src/**/*.test.ts', 'apps/*/src/**/*.test.ts'],
          exclude: ['**/node_modules/**', '**/dist/**', ...gpuTests, ...browserTests],
          pool: 'threads',
        },
      },
      { extends: true, test: { name: 'webgpu', include: gpuTests, pool: 'forks' } },
      // A browser is unpacked, and apps are built, before the first test.
      { extends: true, test: { name: 'browser', include: browserTests, pool: 'forks', hookTimeout: 120_000 } },
    ],
  },
});
