import { defaultClientConditions, defaultServerConditions } from 'vite';
import { defineConfig } from 'vitest/config';
import { BaseSequencer } from 'vitest/node';
import type { TestSpecification } from 'vitest/node';

// Tests on the software GPU: its driver reads the environment of a real process, which a thread cannot change.
const gpuTests = [
  'packages/kernels-webgpu/src/**/*.test.ts',
  'packages/*/src/**/*.webgpu.test.ts',
  'apps/*/src/**/*.webgpu.test.ts',
];

const browserTests = ['apps/browser-tests/src/**/*.test.ts'];

/** The tests on the CPU come last: they are short, so that no worker waits long for the other one at the end. */
class ShortLast extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const last = ({ project }: TestSpecification): number => Number(project.name === 'cpu');
    return (await super.sort(files)).toSorted((a, b) => last(a) - last(b));
  }
}

export default defineConfig({
  resolve: { conditions: ['@tessera/source', ...defaultClientConditions] },
  ssr: { resolve: { conditions: ['@tessera/source', ...defaultServerConditions] } },
  test: {
    maxWorkers: 2,
    testTimeout: 120_000,
    sequence: { sequencer: ShortLast },
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
