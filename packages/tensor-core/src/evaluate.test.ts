import { describe, expect, test } from 'vitest';
import { CpuDevice } from './cpu/cpu-device.ts';
import { deviceOf, evaluate, read } from './evaluate.ts';
import { values } from './nested.reference.ts';
import { add, mul } from './primitives/elementwise.ts';
import { placeholder, tensor } from './tensor.ts';

describe('evaluate', () => {
  test('computes several values together and keeps them on the device', async () => {
    const device = new CpuDevice({ poison: true });
    const x = add(tensor([1, 2]), 1);
    const y = mul(x, x);
    await evaluate([x, y, tensor([5])], device);
    expect([x.source.kind, y.source.kind]).toEqual(['resident', 'resident']);
    expect([await values(x), await values(y)]).toEqual([[2, 3], [4, 9]]); // prettier-ignore
    expect(device.allocatedBytes).toBe(16);
    x.dispose();
    y.dispose();
    expect(device.allocatedBytes).toBe(0);
  });

  test('of one value given twice holds it once', async () => {
    const device = new CpuDevice();
    const x = add(tensor([1, 2]), 1);
    await evaluate([x, x], device);
    x.dispose();
    expect(device.allocatedBytes).toBe(0);
  });

  test('goes on from values that are there already', async () => {
    const device = new CpuDevice({ poison: true });
    const x = add(tensor([1, 2]), 1);
    await evaluate([x], device);
    const y = mul(x, 10);
    expect(deviceOf([y])).toBe(device);
    expect([...(await read(y))]).toEqual([20, 30]);
  });
});

describe('errors', () => {
  test('values of two devices do not mix', async () => {
    const [a, b] = [new CpuDevice(), new CpuDevice()].map((device) =>
      device.upload(Float32Array.of(1), { shape: [1], dtype: 'f32' }),
    );
    await expect(read(add(a!, b!))).rejects.toThrow(
      'The value depends on tensors of 2 devices. Read one of them and upload it to the other.',
    );
  });

  test('an input of a graph cannot be read', async () => {
    await expect(read(placeholder({ shape: [], dtype: 'f32' }))).rejects.toThrow(
      'is an input of a graph that is still being traced',
    );
    await expect(read(add(placeholder({ shape: [], dtype: 'f32' }), 1))).rejects.toThrow('belongs to another trace');
  });
});
