/** Lets the event loop turn between two steps of a device that works in this thread, so that aborts and input are seen. */
export function pause(): Promise<void> {
  if (typeof setImmediate === 'function') return new Promise((resolve) => setImmediate(resolve));
  return new Promise((resolve) => setTimeout(resolve, 0));
}
