import { describe, expect, test } from 'vitest';
import { caseDirectory, smallModel } from '../testing/checkpoints.test-support.ts';
import { noGpus, runTessera } from '../testing/run-tessera.test-support.ts';
import type { GpuSource } from './gpu-source.ts';

const generate = ['generate', '--model', smallModel, '--prompt', 'a', '-n', '1', '--temperature', '0', '--json'];

/** A machine whose only adapter is in software, as Mesa brings one. */
const onlySoftware: GpuSource = {
  ...noGpus,
  survey: () => Promise.resolve({ kind: 'software', detail: 'llvmpipe' }),
  software: () => Promise.reject(new Error('Nobody asked for the adapter in software.')),
};

describe('auto', () => {
  test.each([
    ['no adapter', noGpus],
    ['an adapter in software', onlySoftware],
  ])('takes the CPU where there is %s, and the result says so', async (_, gpus) => {
    const { status, stdout, stderr } = await runTessera(generate, { gpus });
    expect({ status, ...(JSON.parse(stdout) as object) }).toMatchObject({ status: 0, device: 'cpu' });
    expect(stderr).toMatch(/^1 token, \d+\.\d tokens\/s, cpu\n$/);
  });

  test('asks for no adapter when the CPU is asked for', async () => {
    const survey: GpuSource['survey'] = () => Promise.reject(new Error('Somebody asked.'));
    expect((await runTessera([...generate, '--device', 'cpu'], { gpus: { ...noGpus, survey } })).status).toBe(0);
  });
});

const refusal = `device is 'webgpu', and there is no WebGPU adapter here: this is a test. Install the driver of the GPU and npm's package webgpu, or use --device cpu.
code: FEATURE_UNAVAILABLE (FeatureUnavailableError)
`;

describe('webgpu', () => {
  test('is refused where there is none, with what to do', async () => {
    const { status, stdout, stderr } = await runTessera([...generate, '--device', 'webgpu']);
    expect({ status, stdout, stderr }).toEqual({ status: 1, stdout: '', stderr: `tessera generate: ${refusal}` });
  });

  test('is refused once for all directories to verify', async () => {
    const directories = [caseDirectory('llama-minimal'), caseDirectory('gpt2-full')];
    const { status, stdout, stderr } = await runTessera(['verify', ...directories, '--device', 'webgpu']);
    expect({ status, stdout, stderr }).toEqual({ status: 1, stdout: '', stderr: `tessera verify: ${refusal}` });
  });

  test.each([
    [
      ['--gpu-features', 'native'],
      ['vulkan_enable_f16_on_nvidia', 'allow_unsafe_apis'],
    ],
    [['--gpu-features', 'page'], []],
    [[], []],
  ])('with %j switches on %j', async (argv, expected) => {
    const asked: (readonly string[])[] = [];
    const gpus: GpuSource = {
      ...noGpus,
      survey: () => Promise.resolve({ kind: 'hardware', detail: 'a GPU' }),
      platform: (toggles) => {
        asked.push(toggles);
        return Promise.reject(new Error('No further.'));
      },
    };
    expect((await runTessera([...generate, '--device', 'webgpu', ...argv], { gpus })).stderr).toContain('No further.');
    expect(asked).toEqual([expected]);
  });
});

describe('what is said about WebGPU', () => {
  test.each([
    [['--gpu-features', 'native'], '--gpu-features is about WebGPU, and the device is cpu.'],
    [['--without', 'subgroups'], '--without is about WebGPU, and the device is cpu.'],
  ])('is refused on the CPU: %j', async (argv, message) => {
    const { status, stderr } = await runTessera([...generate, '--device', 'cpu', ...argv]);
    expect(status).toBe(1);
    expect(stderr).toContain(message);
    expect(stderr).toContain('code: UNSUPPORTED_OPTION');
  });

  test('is one of the sets that there are', async () => {
    const { status, stderr } = await runTessera([...generate, '--gpu-features', 'all']);
    expect(status).toBe(2);
    expect(stderr).toContain('Allowed choices are page, native.');
  });
});
