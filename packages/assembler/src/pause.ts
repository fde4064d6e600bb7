/**
 * Lets the event loop turn, so that aborts, timers and input are seen between two steps. Microtasks would starve them;
 * a timer would cost milliseconds in a page.
 */
export function pause(): Promise<void> {
  if (typeof setImmediate === 'function') return new Promise((resolve) => setImmediate(resolve));
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.addEventListener(
      'message',
      () => {
        port1.close();
        resolve();
      },
      { once: true },
    );
    port1.start();
    port2.postMessage(0);
  });
}
