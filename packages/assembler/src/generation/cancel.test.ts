import { CpuDevice } from '@tessera/tensor-core';
import { expect, test } from 'vitest';
import { assembler, hybridModel, hybridSpec, someIds } from '../test-models.test-data.ts';
import type { Model } from '../model/model.ts';

const V = hybridSpec.vocabSize;
const reason = new Error('no longer wanted');

async function onDevice(): Promise<{ model: Model; device: CpuDevice }> {
  const device = new CpuDevice();
  return { model: await assembler.assemble(hybridSpec, { device, seed: 1 }), device };
}

test('an abort before the start rejects with its reason, and nothing is allocated', async () => {
  const { model, device } = await onDevice();
  const before = device.allocatedBytes;
  await expect(model.generate([1], { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  expect(device.allocatedBytes).toBe(before);
});

test('an abort while the prompt is read rejects before the next step', async () => {
  const { model, device } = await onDevice();
  const before = device.allocatedBytes;
  const controller = new AbortController();
  setImmediate(() => controller.abort(reason));
  const events: string[] = [];
  const read = async (): Promise<void> => {
    for await (const { type } of model.stream(someIds(240, V), { signal: controller.signal })) events.push(type);
  };
  await expect(read()).rejects.toBe(reason);
  expect(events).toEqual([]);
  expect(device.allocatedBytes).toBe(before);
});

test('an abort between tokens rejects within one step', async () => {
  const { model, device } = await onDevice();
  const before = device.allocatedBytes;
  const controller = new AbortController();
  let tokens = 0;
  const read = async (): Promise<void> => {
    for await (const { type } of model.stream([1, 2, 3], { maxNewTokens: 100, signal: controller.signal }))
      if (type === 'token' && ++tokens === 3) controller.abort(reason);
  };
  await expect(read()).rejects.toBe(reason);
  expect(tokens).toBe(3);
  expect(device.allocatedBytes).toBe(before);
});

test('a timer can abort: generation lets the event loop turn', async () => {
  const model = await hybridModel();
  const signal = AbortSignal.timeout(1);
  await expect(model.generate(someIds(4, V), { maxNewTokens: 250, signal, ignoreEos: true })).rejects.toMatchObject({
    name: 'TimeoutError',
  });
});

test('leaving the loop frees the session', async () => {
  const { model, device } = await onDevice();
  const before = device.allocatedBytes;
  let during = 0;
  for await (const { type } of model.stream([1, 2, 3], { maxNewTokens: 100 })) {
    during = device.allocatedBytes;
    if (type === 'token') break;
  }
  expect(during).toBeGreaterThan(before);
  expect(device.allocatedBytes).toBe(before);
});

test('an error in the loop frees the session', async () => {
  const { model, device } = await onDevice();
  const before = device.allocatedBytes;
  const logitsProcessors = [
    (): void => {
      throw reason;
    },
  ];
  await expect(model.generate([1], { logitsProcessors })).rejects.toBe(reason);
  expect(device.allocatedBytes).toBe(before);
});

test('streams at the same time do not disturb each other', async () => {
  const { model } = await onDevice();
  const prompts = [someIds(3, V, 1), someIds(70, V, 2), someIds(9, V, 3)];
  const options = { maxNewTokens: 12, temperature: 1, seed: 4 };
  const alone: (readonly number[])[] = [];
  for (const prompt of prompts) alone.push((await model.generate(prompt, options)).newTokenIds);
  const together = await Promise.all(prompts.map((prompt) => model.generate(prompt, options)));
  expect(together.map(({ newTokenIds }) => newTokenIds)).toEqual(alone);
});

test('100 generations leak nothing, and compile no more than the first ones', async () => {
  let compiled = 0;
  class Counted extends CpuDevice {
    override compile(...call: Parameters<CpuDevice['compile']>): ReturnType<CpuDevice['compile']> {
      compiled++;
      return super.compile(...call);
    }
  }
  const device = new Counted();
  const model = await assembler.assemble(hybridSpec, { device, seed: 1 });
  const before = device.allocatedBytes;
  await model.generate(someIds(42, V), { maxNewTokens: 2 });
  await model.generate(someIds(7, V), { maxNewTokens: 2 });
  const first = compiled;
  for (let count = 0; count < 100; count++) {
    await model.generate(someIds(2 + (count % 50), V, count), { maxNewTokens: 3 });
    expect(device.allocatedBytes).toBe(before);
  }
  expect(compiled - first).toBeLessThan(6);
  await model.dispose();
  expect(device.allocatedBytes).toBe(0);
});
