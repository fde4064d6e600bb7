import { memorySink, memorySource } from '@tessera/checkpoints';
import { requestWebGpu } from '@tessera/kernels-webgpu';
import type { WebGpuDevice } from '@tessera/kernels-webgpu';
import { softwareGpu } from '@tessera/software-gpu';
import { CpuDevice } from '@tessera/tensor-core';
import type { Device } from '@tessera/tensor-core';
import { batchesOf, createTrainer, resumeTraining, saveTraining } from '@tessera/training';
import type { Trainer, TrainerOptions } from '@tessera/training';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createLora } from './create-lora.ts';
import { loadLora } from './load-lora.ts';
import { adapterFiles, caseModel, difference, golden } from './test-models.test-data.ts';

let gpu: WebGpuDevice;
beforeAll(async () => {
  const device = await requestWebGpu({ gpu: await softwareGpu() });
  if (!device) throw new Error('The software adapter is not there.');
  gpu = device;
});
afterAll(() => gpu.dispose());

test('an adapter of PEFT runs on the GPU, unmerged and merged', async () => {
  const name = 'phi3-full';
  const reference = await golden(name);
  {
    await using model = await caseModel(name, gpu);
    const lora = await loadLora(model, adapterFiles(name));
    await using view = lora.view();
    const { logits } = await view.forward(reference.ids);
    expect(difference(logits, reference.logits)).toBeLessThan(1e-5);
    await lora.merge();
    expect(difference((await model.forward(reference.ids)).logits, reference.logits)).toBeLessThan(1e-5);
  }
  expect(gpu.allocatedBytes).toBe(0);
});

const rows = Array.from({ length: 8 }, (_, row) => Array.from({ length: 7 }, (__, place) => (row + 5 * place) % 40));

async function losses(trainer: Trainer, until: number): Promise<number[]> {
  const made: number[] = [];
  for await (const { loss, gradientNorm } of trainer.train({ until })) made.push(loss, gradientNorm);
  return made;
}

/** Losses over weights in 16 bits: of four steps, and of the last two again by a training that is continued. */
async function trained(device: Device): Promise<{ whole: number[]; resumed: number[]; weights: number; held: number }> {
  await using model = await caseModel('phi3-full', device, 'bf16');
  const weights = device.allocatedBytes;
  using lora = await createLora(model, { rank: 2, seed: 3, targets: ['qkv_proj', 'down_proj'] });
  const options = (): Omit<TrainerOptions, 'adapter'> => ({
    batches: batchesOf(rows, 2),
    optimizer: { kind: 'adamw', learningRate: 0.02 },
    accumulate: 2,
  });
  await using trainer = await createTrainer(model, { ...options(), adapter: lora });
  const sink = memorySink();
  const first = await losses(trainer, 2);
  const held = device.allocatedBytes;
  await saveTraining(trainer, sink);
  const whole = [...first, ...(await losses(trainer, 4))];
  using saved = await loadLora(model, memorySource(sink.files));
  await using again = await resumeTraining(model, memorySource(sink.files), { ...options(), adapter: saved });
  return { whole, resumed: await losses(again, 4), weights, held };
}

test('the GPU trains an adapter as the CPU does, goes on exactly, and holds no copy of the weights', async () => {
  const cpu = await trained(new CpuDevice());
  const made = await trained(gpu);
  made.whole.forEach((value, index) => expect(Math.abs(value / cpu.whole[index]! - 1)).toBeLessThan(1e-3));
  expect(made.resumed).toEqual(made.whole.slice(4));
  expect(cpu.resumed).toEqual(cpu.whole.slice(4));
  expect(cpu.held - cpu.weights).toBe(made.held - made.weights);
  expect(gpu.allocatedBytes).toBe(0);
});
