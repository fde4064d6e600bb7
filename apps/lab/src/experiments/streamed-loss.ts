import type { Model } from '@tessera/assembler';
import { longestStep } from '@tessera/assembler';
import { crossEntropy } from '@tessera/ops';
import type { Tensor, TensorType } from '@tessera/tensor-core';
import { disposeTree, fillTree, fromHost, trace, treeLeaves, zeros } from '@tessera/tensor-core';
import { turn } from './study.ts';

/** What reading a stream gave. */
export interface StreamedLoss {
  /** Negative log-likelihood of each token but the first, in nats. */
  readonly losses: Float32Array;
  /** Bytes of the state after the first step and after the last, as the device counts what it holds. */
  readonly bytes: readonly [number, number];
  readonly seconds: number;
}

/** Positions that rotary tables take: a stream without end is asked for as many. */
const endless = 2 ** 30;

/** Tokens of a step on a GPU. */
const gpuStep = 512;

/**
 * Reads a stream through a model with a cache policy, in steps of so many tokens as its ring has room for. With exact chunks, which `sinkCache`
 * has by itself, that is what single tokens give.
 * @throws `signal.reason`
 */
export async function streamedLoss(
  { graph, params, device }: Model,
  tokens: readonly number[],
  { signal, chunk = device.onHost ? longestStep : gpuStep }: { readonly signal: AbortSignal; readonly chunk?: number },
): Promise<StreamedLoss> {
  const first = graph.init(params, { batch: 1, capacity: endless, chunk });
  const types = treeLeaves(first).map(({ shape, dtype }): TensorType => ({ shape, dtype }));
  const ids = (...shape: number[]): TensorType => ({ shape, dtype: 'i32' });
  const start = await device.compile(trace(() => treeLeaves(first), []));
  const step = await device.compile(
    trace(
      (read, next, lengths, ...state) => {
        const batch = { tokens: read!, starts: zeros([1], 'i32'), lengths: lengths! };
        const made = graph.step(params, batch, fillTree(first, state), 'all');
        return [crossEntropy(made.logits, next!), ...treeLeaves(made.state)];
      },
      [ids(1, chunk), ids(1, chunk), ids(1), ...types],
    ),
    { donate: types.map((_, index) => 3 + index) },
  );
  const count = tokens.length - 1;
  const losses = new Float32Array(count);
  const before = device.allocatedBytes;
  const held: number[] = [];
  const begun = performance.now();
  let state: readonly Tensor[] = start.run([]);
  try {
    for (let at = 0; at < count; at += chunk) {
      await turn({ device, signal });
      const n = Math.min(chunk, count - at);
      const padded = (from: number): Tensor => {
        const own = new Int32Array(chunk);
        own.set(tokens.slice(from, from + n));
        return fromHost(own, [1, chunk]);
      };
      const [loss, ...next] = step.run([padded(at), padded(at + 1), fromHost(Int32Array.of(n), [1]), ...state]);
      state = next;
      losses.set((await device.read(loss!)).slice(0, n) as Float32Array, at);
      loss!.dispose();
      held.push(device.allocatedBytes - before);
    }
  } finally {
    disposeTree(state);
    start.dispose();
    step.dispose();
  }
  return { losses, bytes: [held[0]!, held.at(-1)!], seconds: (performance.now() - begun) / 1000 };
}

/** Sum of the losses of a part, over its number; in f64. */
export function meanLoss(losses: ArrayLike<number>, from = 0, to: number = losses.length): number {
  let total = 0;
  for (let i = from; i < to; i++) total += losses[i]!;
  return total / (to - from);
}
