import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { StopWatch } from './stop-watch.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => void vi.useRealTimers());

/** Takes the time of tokens that come one after another. */
function tick(watch: StopWatch, tokens: number, ms: number): void {
  for (let token = 0; token < tokens; token++) {
    vi.advanceTimersByTime(ms);
    watch.token();
  }
}

test('the first token is the prompt’s, and speed begins with the second', () => {
  const watch = new StopWatch();
  tick(watch, 1, 300);
  expect(watch.speed()).toEqual({ prefillMs: 300, tokens: 1, tokensPerSecond: undefined });
  tick(watch, 4, 50);
  expect(watch.speed()).toEqual({ prefillMs: 300, tokens: 5, tokensPerSecond: 20 });
});

test('the speed of a long text is that of late', () => {
  const watch = new StopWatch();
  tick(watch, 100, 1000);
  tick(watch, 200, 10);
  const between = watch.speed().tokensPerSecond!;
  expect(between).toBeGreaterThan(1);
  expect(between).toBeLessThan(100);
  tick(watch, 2000, 10);
  expect(watch.speed()).toEqual({ prefillMs: 1000, tokens: 2300, tokensPerSecond: 100 });
});
