import { softwareGpu } from '@tessera/software-gpu';
import { CpuDevice } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import { expect, test } from 'vitest';
import { openDevice } from '../adapter.ts';
import { benchTraining, trainingError } from './bench-training.ts';
import { tinyShape } from './training-shape.ts';
import type { TrainingVariant } from './training-variant.ts';
import { trainingVariants } from './training-variant.ts';

const [adamW] = trainingVariants('dry') as [TrainingVariant];

test('training has figures by all clocks, and what it holds on the device is counted', async () => {
  const { device } = await openDevice(await softwareGpu(), { dry: true });
  const context = { device, scale: 'full', timestamps: true, shape: tinyShape, roofs: { copy: 10, f32: 1 } } as const;
  const { outcome, reason, error, losses, figures } = await benchTraining(context, adamW);
  expect([outcome, reason]).toEqual(['measured', undefined]);
  expect(error).toBeLessThan(1e-3);
  expect(losses![1]).toBeLessThan(losses![0]);
  const { step, awaited, host, gpu, dispatches, heldBytes, stateBytes, waterfall } = figures!;
  expect([step.n, host.n, awaited.n]).toEqual([40, 40, 8]);
  expect(gpu).toBeGreaterThan(0);
  expect(waterfall!.dispatches).toBe(dispatches);
  expect(waterfall!.total).toBe(awaited.median);
  // Weights and two moments of 16 · 32 · 2 + 4 · 16² + 3 · 16 · 24 + 3 · 16 numbers, and a flag.
  expect(stateBytes).toBe(4 * (3 * (1024 + 1024 + 1152 + 48) + 1));
  expect(heldBytes).toBeGreaterThan(2 * stateBytes);
  expect(device.allocatedBytes).toBe(0);
  device.dispose();
});

/** Its weights are a little larger than they should be. */
class WrongDevice extends CpuDevice {
  override upload(...[data, type]: Parameters<CpuDevice['upload']>): Tensor {
    return super.upload(type.shape.length > 1 ? (data as Float32Array).map((value) => 1.05 * value) : data, type);
  }
}

test('losses that are not those of the CPU are found out', async () => {
  expect(await trainingError(adamW, new CpuDevice())).toBe(0);
  expect(await trainingError(adamW, new WrongDevice())).toBeGreaterThan(1e-3);
});

test('training whose loss does not fall has no figures', async () => {
  const { device } = await openDevice(await softwareGpu(), { dry: true });
  const context = { device, scale: 'dry', timestamps: false, shape: tinyShape, roofs: { copy: 1, f32: 1 } } as const;
  const idle: TrainingVariant = { ...adamW, optimizer: { kind: 'adamw', learningRate: 0 } };
  const { outcome, reason, figures } = await benchTraining(context, idle);
  expect(outcome).toBe('wrong');
  expect(reason).toMatch(/the loss of one batch went from \d\.\d+ to \d\.\d+, and should fall/);
  expect(figures).toBeUndefined();
  device.dispose();
});
