import { requestWebGpu } from '@tessera/kernels-webgpu';
import type { Device } from '@tessera/tensor-core';
import { conformance } from './conformance.ts';
import { laws } from './laws.ts';

const status = document.getElementById('device')!;
const results = document.getElementById('results')!;

/** One line a check, so that a person can read what a test reads. */
function show(name: string, outcome: string): void {
  const line = document.createElement('li');
  Object.assign(line.dataset, { name, outcome });
  line.textContent = `${name}: ${outcome}`;
  results.append(line);
}

async function runAll(device: Device): Promise<void> {
  const all = new URLSearchParams(location.search).has('all');
  for (const { name, run } of [...laws(device, all), ...conformance(device)])
    await run().then(
      () => show(name, 'holds'),
      (error: unknown) => show(name, String(error)),
    );
}

const device = await requestWebGpu();
if (device) {
  status.textContent = `WebGPU · ${device.name}`;
  await runAll(device);
} else status.textContent = 'This browser finds no GPU that WebGPU can use.';
