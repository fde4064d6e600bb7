import { memorySink, memorySource } from '@tessera/checkpoints';
import { requestWebGpu } from '@tessera/kernels-webgpu';
import type { WebGpuDevice } from '@tessera/kernels-webgpu';
import { softwareGpu } from '@tessera/software-gpu';
import { CpuDevice } from '@tessera/tensor-core';
import type { Device, TesseraError } from '@tessera/tensor-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { batchOf, batchesOf } from './batch-source.ts';
import { resumeTraining } from './checkpoint/resume-training.ts';
import { saveTraining } from './checkpoint/save-training.ts';
import type { OptimizerOptions } from './optimizers/optimizer-options.ts';
import { assembler, rowsOf, smallSpec } from './test-models.test-data.ts';
import { createTrainer } from './create-trainer.ts';
import type { TrainerOptions } from './trainer-options.ts';

let gpu: WebGpuDevice;
beforeAll(async () => {
  const device = await requestWebGpu({ gpu: await softwareGpu() });
  if (!device) throw new Error('The software adapter is not there.');
  gpu = device;
});
afterAll(() => gpu.dispose());

async function losses(device: Device, given: Partial<TrainerOptions>): Promise<number[]> {
  await using model = await assembler.assemble(smallSpec, { device, seed: 1 });
  await using trainer = await createTrainer(model, {
    batches: batchesOf(rowsOf(12, 7), 3),
    optimizer: { kind: 'adamw', learningRate: 0.01 },
    schedule: { kind: 'cosine', warmup: 2, steps: 10 },
    ...given,
  });
  const made: number[] = [];
  for await (const { loss, gradientNorm } of trainer.train({ until: 5 })) made.push(loss, gradientNorm);
  made.push((await trainer.evaluate([batchOf(rowsOf(2, 7, 9))])).loss);
  return made;
}

const optimizers: OptimizerOptions[] = [
  { kind: 'adamw', learningRate: 0.01 },
  { kind: 'muon', learningRate: 0.02, newtonSchulz: { precision: 'f32' } },
];

test.each(optimizers)('the GPU trains as the CPU does, and the same twice: $kind', async (optimizer) => {
  const cpu = await losses(new CpuDevice(), { optimizer });
  const made = await losses(gpu, { optimizer });
  expect(made).toHaveLength(cpu.length);
  made.forEach((value, index) => expect(Math.abs(value / cpu[index]! - 1)).toBeLessThan(1e-3));
  expect(await losses(gpu, { optimizer })).toEqual(made);
  expect(gpu.allocatedBytes).toBe(0);
});

test('gradients of several batches are averaged on the GPU as on the CPU', async () => {
  const cpu = await losses(new CpuDevice(), { accumulate: 2, recompute: 'layers' });
  const made = await losses(gpu, { accumulate: 2, recompute: 'layers' });
  made.forEach((value, index) => expect(Math.abs(value / cpu[index]! - 1)).toBeLessThan(1e-3));
});

test('a loss that is no number ends with its step and the tensor, on the GPU, and changes nothing', async () => {
  await using model = await assembler.assemble(smallSpec, { device: gpu, seed: 1 });
  await using trainer = await createTrainer(model, {
    batches: batchesOf(rowsOf(12, 7), 3),
    optimizer: { kind: 'sgd', learningRate: 1e30, momentum: 0 },
    clip: false,
  });
  const run = async (): Promise<void> => {
    for await (const { step } of trainer.train({ until: 6 })) expect(step).toBe(1);
  };
  await expect(run()).rejects.toMatchObject({ code: 'NUMERICAL', facts: { step: 2, tensor: expect.any(String) } });
  for (const param of Object.values(trainer.state.params))
    expect((await gpu.read(param)).every((value) => Number.isFinite(value))).toBe(true);
});

test('a training that is continued on the GPU has the losses of an unbroken one, bit for bit', async () => {
  const options = (): TrainerOptions => ({
    batches: batchesOf(rowsOf(12, 7), 3),
    optimizer: { kind: 'adamw', learningRate: 0.01 },
  });
  const sink = memorySink();
  const after: number[] = [];
  await using model = await assembler.assemble(smallSpec, { device: gpu, seed: 1 });
  await using whole = await createTrainer(model, options());
  for await (const { step, loss, gradientNorm } of whole.train({ until: 5, settleEvery: 2 })) {
    if (step === 2) await saveTraining(whole, sink);
    else if (step > 2) after.push(loss, gradientNorm);
  }
  await using resumed = await resumeTraining(model, memorySource(sink.files), options());
  const made: number[] = [];
  for await (const { loss, gradientNorm } of resumed.train({ until: 5 })) made.push(loss, gradientNorm);
  expect(made).toEqual(after);
});

test('what a step takes on the GPU is known before it is compiled, and what is said to fit does', async () => {
  const own = (await requestWebGpu({ gpu: await softwareGpu() }))!;
  await using model = await assembler.assemble(smallSpec, { device: own, seed: 1 });
  const before = own.held.bytes;
  const options = (batch: number, given: Partial<TrainerOptions> = {}): TrainerOptions => ({
    batches: batchesOf(rowsOf(32, 17), batch),
    optimizer: { kind: 'adamw', learningRate: 0.01 },
    ...given,
  });
  const step = async (given: TrainerOptions): Promise<number> => {
    await using trainer = await createTrainer(model, given);
    for await (const { loss } of trainer.train({ until: 1 })) expect(loss).toBeGreaterThan(0);
    return own.held.bytes - before;
  };
  const limit = 2 ** 17;
  const error: unknown = await step(options(32, { memoryLimit: limit })).catch((refused: unknown) => refused);
  expect(error).toMatchObject({
    code: 'OUT_OF_MEMORY',
    message: expect.stringMatching(/^train: a step of 32 × 16 tokens takes .* and the limit is 128 KiB\. What fits: /),
  });
  const { needed, fits } = (error as TesseraError).facts as {
    readonly needed: { readonly total: number };
    readonly fits: readonly { readonly rows: number; readonly accumulate: number; readonly total: number }[];
  };
  const smaller = fits.find(({ rows }) => rows < 32)!;
  expect(smaller.rows * smaller.accumulate).toBe(32);
  expect(smaller.total).toBeLessThan(limit);
  const { rows, accumulate } = smaller;
  expect(await step(options(rows, { accumulate, memoryLimit: limit }))).toBeLessThan(1.3 * limit);
  const whole = await step(options(32));
  // Small buffers are rounded up, and what is read back is beside it.
  expect(whole / needed.total).toBeGreaterThan(0.8);
  expect(whole / needed.total).toBeLessThan(1.3);
  own.dispose();
});
