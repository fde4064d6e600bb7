import { softwareGpu } from '@tessera/software-gpu';
import { expect, test, vi } from 'vitest';

test('the guide to generation on a GPU in Node runs', async () => {
  // It asks for a GPU, and gets one in software, whatever this machine has.
  const gpu = await softwareGpu();
  vi.doMock('webgpu', () => ({ create: () => gpu, globals: {} }));
  const log = vi.spyOn(console, 'log').mockImplementation(() => {});
  await import('../examples/guides/generate-on-a-gpu.ts');
  expect(log.mock.calls[0]).toEqual(['webgpu', expect.stringContaining('SwiftShader')]);
  expect(log).toHaveBeenLastCalledWith(expect.stringContaining("O, that'st thou not."));
  log.mockRestore();
});
