import { afterEach, expect, test, vi } from 'vitest';
import { chooseDevice } from './choose-device.ts';

afterEach(() => vi.unstubAllGlobals());

/** A browser whose WebGPU offers this adapter. */
function offer(adapter: { isFallbackAdapter: boolean } | null): void {
  vi.stubGlobal('isSecureContext', true);
  vi.stubGlobal('navigator', { gpu: { requestAdapter: async () => adapter && { info: adapter } } });
}

test('takes a GPU, and has nothing to explain', async () => {
  offer({ isFallbackAdapter: false });
  expect(await chooseDevice('auto')).toEqual({ device: 'webgpu', notice: undefined });
});

test('takes an adapter in software only when it is asked for', async () => {
  offer({ isFallbackAdapter: true });
  expect(await chooseDevice('auto')).toMatchObject({ device: 'cpu', notice: expect.stringContaining('in software') });
  expect(await chooseDevice('webgpu')).toEqual({ device: 'webgpu', notice: undefined });
});

test('falls back to the processor with a sentence that says why', async () => {
  offer(null);
  expect((await chooseDevice('webgpu')).notice).toBe(
    'The model runs on the processor, more slowly than on a GPU: this browser finds no GPU that WebGPU can use.',
  );
  vi.stubGlobal('navigator', {});
  expect((await chooseDevice('auto')).notice).toContain('this browser has no WebGPU.');
  vi.stubGlobal('isSecureContext', false);
  expect((await chooseDevice('auto')).notice).toContain('from https:// and from localhost only.');
});

test('takes the processor where the address asks for it, whatever there is', async () => {
  offer({ isFallbackAdapter: false });
  expect(await chooseDevice('cpu')).toMatchObject({ device: 'cpu', notice: expect.stringContaining('asks for it') });
});

test('a wish that does not exist is an error with those that do', async () => {
  await expect(chooseDevice('gpu')).rejects.toThrow('The address asks for device=gpu; it can be auto, webgpu, cpu.');
});
