import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { softwareGpu } from '@tessera/software-gpu';
import { describe, expect, test } from 'vitest';
import { caseDirectory, smallModel } from '../testing/checkpoints.test-support.ts';
import type { Outcome } from '../testing/run-tessera.test-support.ts';
import { noGpus, runTessera } from '../testing/run-tessera.test-support.ts';
import type { GpuSource } from './gpu-source.ts';
import { dawn } from './gpu-source.ts';

/** The repository on a machine without a GPU, whatever this one has. */
const inRepository: GpuSource = { ...noGpus, software: dawn.software };

const onWebGpu = (argv: readonly string[], gpus = inRepository): Promise<Outcome> =>
  runTessera([...argv, '--device', 'webgpu'], { gpus });

const note =
  /^note: there is no GPU here \(this is a test\); WebGPU runs on a software adapter, SwiftShader .*, right but slow\.\n/;

const greedy = ['generate', '--model', smallModel, '--prompt', 'ROMEO:\n', '--temperature', '0', '--json'];

test('generates the tokens of the reference on an adapter in software, and says so', async () => {
  const reference = JSON.parse(await readFile(join(smallModel, 'meta.json'), 'utf8')) as { greedy: { ids: number[] } };
  const { status, stdout, stderr } = await onWebGpu([...greedy, '-n', '64']);
  expect({ status, ...(JSON.parse(stdout) as object) }).toMatchObject({
    status: 0,
    device: 'webgpu',
    adapter: expect.stringContaining('SwiftShader'),
    tokenIds: reference.greedy.ids,
  });
  expect(stderr).toMatch(note);
  expect(stderr.replace(note, '')).toMatch(/^64 tokens, \d+\.\d tokens\/s, webgpu\n$/);
});

test('auto takes a GPU that is there, without a word', async () => {
  const gpus: GpuSource = {
    ...noGpus,
    survey: () => Promise.resolve({ kind: 'hardware', detail: 'a GPU' }),
    platform: softwareGpu,
  };
  const { stdout, stderr } = await runTessera([...greedy, '-n', '2'], { gpus });
  expect(JSON.parse(stdout)).toMatchObject({ device: 'webgpu' });
  expect(stderr).toMatch(/^2 tokens, \d+\.\d tokens\/s, webgpu\n$/);
});

test('outside of the repository webgpu takes the adapter in software that the platform has', async () => {
  const gpus: GpuSource = {
    ...noGpus,
    survey: () => Promise.resolve({ kind: 'software', detail: 'llvmpipe' }),
    platform: softwareGpu,
  };
  const { stdout, stderr } = await onWebGpu([...greedy, '-n', '2'], gpus);
  expect(JSON.parse(stdout)).toMatchObject({ device: 'webgpu' });
  expect(stderr).toContain('note: there is no GPU here (llvmpipe)');
});

test('verify makes one device for all directories', async () => {
  const requests: (readonly string[])[] = [];
  const directories = [caseDirectory('gpt2-full'), caseDirectory('no-such-case'), caseDirectory('gpt2-full')];
  const gpus = { ...inRepository, software: () => watched(requests) };
  const { status, stdout, stderr } = await onWebGpu(['verify', ...directories, '--json'], gpus);
  expect(status).toBe(1);
  const lines = stdout.trimEnd().split('\n');
  expect(lines.map((line) => JSON.parse(line) as object)).toMatchObject([
    { device: 'webgpu', dtype: 'fp32', greedyEqual: true, pass: true },
    { device: null, pass: false, code: 'MODEL_FORMAT' },
    { device: 'webgpu', pass: true },
  ]);
  expect(stderr).toMatch(note);
  expect(requests).toHaveLength(1);
});

describe('--without', () => {
  test('leaves a feature out that the adapter has, and what runs then is as right', async () => {
    const requests: (readonly string[])[] = [];
    const gpus = { ...inRepository, software: () => watched(requests) };
    for (const argv of [[], ['--without', 'subgroups,timestamp-query']]) {
      const { stdout } = await onWebGpu(['verify', caseDirectory('gpt2-full'), '--json', ...argv], gpus);
      expect(JSON.parse(stdout)).toMatchObject({ device: 'webgpu', greedyEqual: true, pass: true });
    }
    expect(requests[0]).toEqual(expect.arrayContaining(['subgroups', 'timestamp-query']));
    expect(requests[1]).toEqual([]);
  });

  test('refuses what is no feature', async () => {
    const { status, stderr } = await onWebGpu([...greedy, '--without', 'subgroup']);
    expect(status).toBe(1);
    expect(stderr).toMatch(/subgroup.*subgroups/);
    expect(stderr).toContain('code: UNSUPPORTED_OPTION');
  });
});

/** The adapter in software, with a record of the features that devices were asked to have. */
async function watched(requests: (readonly string[])[]): Promise<GPU> {
  const gpu = await softwareGpu();
  return {
    async requestAdapter(options?: GPURequestAdapterOptions) {
      const adapter = await gpu.requestAdapter(options);
      return (
        adapter && {
          features: adapter.features,
          limits: adapter.limits,
          requestDevice(descriptor?: GPUDeviceDescriptor) {
            requests.push([...(descriptor?.requiredFeatures ?? [])]);
            return adapter.requestDevice(descriptor);
          },
        }
      );
    },
  } as GPU;
}
