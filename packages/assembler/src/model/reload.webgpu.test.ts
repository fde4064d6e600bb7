import { WebGpuDevice } from '@tessera/kernels-webgpu';
import { memorySink, memorySource } from '@tessera/checkpoints';
import { softwareGpu } from '@tessera/software-gpu';
import { CpuDevice } from '@tessera/tensor-core';
import type { Device } from '@tessera/tensor-core';
import { expect, test } from 'vitest';
import { createAssembler } from '../assembler.ts';
import { families, smallSpec, someIds } from '../test-models.test-data.ts';
import type { Session } from './session.ts';

/** A backend of devices that can be lost. */
function backend(): { webgpu: () => Promise<Device>; devices: WebGpuDevice[]; lose: () => void } {
  const devices: WebGpuDevice[] = [];
  let lose = (): void => {};
  const webgpu = async (): Promise<Device> => {
    const adapter = await (await softwareGpu()).requestAdapter();
    const device = await adapter!.requestDevice();
    lose = () => device.destroy();
    devices.push(new WebGpuDevice(device, { owned: true }));
    return devices.at(-1)!;
  };
  return { webgpu, devices, lose: () => lose() };
}

const lost = { code: 'DEVICE_LOST' };

/** Feeds token after token until something is wrong. */
async function feedOn(session: Session): Promise<never> {
  for (;;) await session.feed([[1]]);
}

test('a lost device rejects all that waits, and a reload brings the model back: three times', async () => {
  const { webgpu, devices, lose } = backend();
  const assembler = createAssembler({ plugins: families, backends: { webgpu } });
  const sink = memorySink();
  await (await assembler.assemble(smallSpec, { device: 'cpu', seed: 3 })).save(sink);
  const model = await assembler.load(memorySource(sink.files), { device: 'webgpu', precompile: false });
  const prompt = someIds(6, model.spec.vocabSize);
  const options = { maxNewTokens: 12, temperature: 1, seed: 2 };
  const { newTokenIds } = await model.generate(prompt, options);
  for (let loss = 1; loss <= 3; loss++) {
    using session = await model.session({ capacity: 64 });
    await session.feed([[1]]);
    const stream = model.stream(prompt, { maxNewTokens: 50 });
    await stream.next();
    const read = async (): Promise<void> => {
      for await (const { type } of stream) expect(type).toBe('token');
    };
    const waiting = [feedOn(session), read(), model.generate(prompt, { maxNewTokens: 50 })];
    setImmediate(lose);
    for (const end of await Promise.allSettled(waiting))
      expect(end).toMatchObject({ status: 'rejected', reason: lost });
    await expect(model.forward([prompt])).rejects.toMatchObject(lost);
    await expect(model.generate(prompt)).rejects.toMatchObject(lost);

    await model.reload();
    expect(devices).toHaveLength(loss + 1);
    expect(model.device).toBe(devices.at(-1));
    expect((await model.generate(prompt, options)).newTokenIds).toEqual(newTokenIds);
    // What was opened before the loss stays lost.
    await expect(session.feed([[1]])).rejects.toMatchObject({ code: 'FEATURE_UNAVAILABLE' });
  }
  await model.dispose();
  for (const device of devices) expect([device.allocatedBytes, device.held.buffers]).toEqual([0, 0]);
});

test('a model moves to another device and back, with weights drawn from its seed', async () => {
  const { webgpu, devices } = backend();
  const assembler = createAssembler({ plugins: families, backends: { webgpu } });
  await using model = await assembler.assemble(smallSpec, { device: 'cpu', seed: 3 });
  const prompt = [1, 2, 3];
  const { newTokenIds } = await model.generate(prompt, { maxNewTokens: 6 });
  await model.reload({ device: 'webgpu' });
  expect((await model.generate(prompt, { maxNewTokens: 6 })).newTokenIds).toEqual(newTokenIds);
  await model.reload({ device: new CpuDevice() });
  expect(model.device.kind).toBe('cpu');
  expect((await model.generate(prompt, { maxNewTokens: 6 })).newTokenIds).toEqual(newTokenIds);
  expect([devices[0]!.allocatedBytes, devices[0]!.held.buffers]).toEqual([0, 0]);
});
