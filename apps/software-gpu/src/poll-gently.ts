import { setTimeout as later } from 'node:timers';

type Callback = (...values: unknown[]) => void;

/**
 * Makes Dawn ask once a millisecond what is done. By itself it asks in every turn of the event loop, by the global
 * `setImmediate`, and so keeps a core busy while the driver compiles shaders on another: half of a machine of two cores. What
 * JavaScript hands to `setImmediate` is called as ever.
 */
export function pollGently(): void {
  const { setImmediate: soon } = globalThis;
  const gentle = (callback: Callback, ...values: unknown[]): unknown =>
    isOfAddon(callback) ? later(callback, 1) : soon(callback, ...values);
  globalThis.setImmediate = Object.assign(gentle, soon) as typeof setImmediate;
}

/** Functions that resolve promises are native too, but take a value. */
function isOfAddon(callback: Callback): boolean {
  return callback.length === 0 && Function.prototype.toString.call(callback) === 'function () { [native code] }';
}
