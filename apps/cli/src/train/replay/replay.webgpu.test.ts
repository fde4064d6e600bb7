import { fileURLToPath } from 'node:url';
import { softwareGpu } from '@tessera/software-gpu';
import { expect, test } from 'vitest';
import { noGpus, runTessera } from '../../testing/run-tessera.test-support.ts';

test('a GPU trains as PyTorch does', async () => {
  const directory = fileURLToPath(new URL('../../../../conformance/training/phi3-muon', import.meta.url));
  const gpus = { ...noGpus, software: softwareGpu };
  const argv = ['train', '--replay', directory, '--device', 'webgpu', '--steps', '5', '--json'];
  const { status, stdout } = await runTessera(argv, { gpus });
  expect(status).toBe(0);
  const made = JSON.parse(stdout) as { loss: { relative: number }; gradientNorm: { relative: number } };
  expect(made).toMatchObject({ device: 'webgpu', steps: 5, ok: true });
  expect(made.loss.relative).toBeLessThan(1e-3);
  expect(made.gradientNorm.relative).toBeLessThan(5e-3);
});
