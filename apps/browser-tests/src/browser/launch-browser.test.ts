import { afterEach, expect, test, vi } from 'vitest';
import { launchBrowser } from './launch-browser.ts';

afterEach(() => vi.unstubAllEnvs());

test('a browser that does not start is an error that names it', async () => {
  vi.stubEnv('TESSERA_CHROMIUM', '/nowhere/chromium');
  await expect(launchBrowser({ webgpu: 'none' })).rejects.toThrow(
    'The headless browser /nowhere/chromium did not start:',
  );
});

test('a machine for which none comes along is told what to do', async () => {
  const { platform } = process;
  Object.defineProperty(process, 'platform', { value: 'darwin' });
  try {
    await expect(launchBrowser({ webgpu: 'none' })).rejects.toThrow(
      /for linux x64, and this is darwin .*Set TESSERA_CHROMIUM/,
    );
  } finally {
    Object.defineProperty(process, 'platform', { value: platform });
  }
});
