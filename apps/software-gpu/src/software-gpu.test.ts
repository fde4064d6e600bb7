import { afterEach, expect, test, vi } from 'vitest';
import { softwareGpu, takesAll } from './index.ts';
import { pollGently } from './poll-gently.ts';

const { arch } = process;

afterEach(() => {
  Object.defineProperty(process, 'arch', { value: arch });
  vi.unstubAllEnvs();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

test('where the adapter cannot run, tests fail with a sentence that says why', async () => {
  Object.defineProperty(process, 'arch', { value: 'riscv64' });
  await expect(softwareGpu(['some_toggle'])).rejects.toThrow(
    /^The WebGPU adapter in software is built for linux on x64, and this is \w+ on riscv64\. Run the tests on linux x64/,
  );
});

test('a run that leaves tests out says what, and a run of all takes them', () => {
  const log = vi.spyOn(console, 'log').mockImplementation(() => {});
  vi.stubEnv('TESSERA_WEBGPU', '');
  expect(takesAll('the slow ones')).toBe(false);
  expect(log).toHaveBeenLastCalledWith('Left to pnpm test:webgpu:all: the slow ones.');
  vi.stubEnv('TESSERA_WEBGPU', 'all');
  expect(takesAll('the slow ones')).toBe(true);
  expect(log).toHaveBeenCalledTimes(1);
});

test('what an addon asks for in the next turn of the event loop comes later, what JavaScript asks for does not', async () => {
  const soon = vi.fn<(callback: (value: number) => void, value: number) => void>();
  vi.stubGlobal('setImmediate', soon);
  pollGently();
  const callback = (_: number): void => {};
  setImmediate(callback, 1);
  // A function that resolves a promise is native, too.
  void new Promise<number>((resolve) => setImmediate(resolve, 2));
  expect(soon.mock.calls).toEqual([
    [callback, 1],
    [expect.any(Function), 2],
  ]);
  // And one that is bound looks as those of an addon do.
  await new Promise<void>((resolve) => setImmediate((() => resolve()).bind(undefined)));
  expect(soon).toHaveBeenCalledTimes(2);
});
