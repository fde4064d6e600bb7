import { fromFloat32, toFloat32 } from '@tessera/checkpoints';
import type { SafetensorsDtype } from '@tessera/checkpoints';
import { CpuDevice, packHalf } from '@tessera/tensor-core';
import { expect, test } from 'vitest';
import { writeTensor } from './write-tensor.ts';

const values = Float32Array.from({ length: 1003 }, (_, i) => Math.sin(i) * 3);

test.each<[SafetensorsDtype, 'f32' | 'f16' | 'bf16']>([
  ['F32', 'f32'],
  ['F32', 'f16'],
  ['F32', 'bf16'],
  ['F64', 'bf16'],
  ['F16', 'f16'],
  ['BF16', 'bf16'],
  ['BF16', 'f32'],
])('%s of a file becomes %s piece by piece, and no more is held than one piece and the next', async (dtype, kept) => {
  const bytes = fromFloat32(values, dtype as 'F32');
  for (const piece of [2, 64, 1000, 2048]) {
    const device = new CpuDevice();
    const tensor = device.allocate({ shape: [17, 59], dtype: kept });
    // Bytes that were read and not yet written.
    let held = 0;
    let most = 0;
    const asked: number[] = [];
    const write = device.write.bind(device);
    device.write = (to, data, offset) => {
      write(to, data, offset);
      held -= data.length * (bytes.length / values.length);
    };
    const read = async ({ start, end }: { start: number; end: number }): Promise<Uint8Array<ArrayBuffer>> => {
      held += end - start;
      most = Math.max(most, held);
      asked.push(end - start);
      await Promise.resolve();
      return bytes.slice(start, end);
    };
    await writeTensor({ device, tensor, dtype, read, piece });
    expect(await device.read(tensor)).toEqual(kept === 'f32' ? toFloat32(bytes, dtype) : packHalf(kept, values));
    const width = bytes.length / values.length;
    expect(most).toBeLessThanOrEqual(2 * piece * width);
    expect(asked).toEqual(Array.from(asked, (_, i) => Math.min(piece, values.length - i * piece) * width));
    expect(held).toBe(0);
  }
});

test('a read that fails ends it, and the piece behind it is not missed', async () => {
  const device = new CpuDevice();
  const tensor = device.allocate({ shape: [8], dtype: 'f32' });
  const broken = new Error('the file is gone');
  const read = ({ start }: { start: number }): Promise<Uint8Array<ArrayBuffer>> =>
    start < 8 ? Promise.resolve(new Uint8Array(8)) : Promise.reject(broken);
  await expect(writeTensor({ device, tensor, dtype: 'F32', read, piece: 2 })).rejects.toBe(broken);
});
