import type { Tensor } from '@tessera/tensor-core';
import { pad, reshape, scan, slice, sizeOf } from '@tessera/tensor-core';
import { linear } from './linear.ts';
import { crossEntropy } from './softmax.ts';

/** What {@link linearCrossEntropy} is given. */
export interface LinearCrossEntropyCall {
  /** `[…, D]` */
  readonly x: Tensor;
  /** `[V, D]` */
  readonly weight: Tensor;
  /** `[V]` */
  readonly bias?: Tensor | undefined;
  /** `[…]`, i32 */
  readonly targets: Tensor;
  /** What is done with logits before the softmax, element by element. @defaultValue nothing */
  readonly finish?: ((logits: Tensor) => Tensor) | undefined;
  /** Positions whose logits are there at a time. @defaultValue 2048 */
  readonly chunk?: number;
}

/**
 * −log p(target) under the logits x Wᵀ + b, `[…]`, in nats: as crossEntropy of linear, but the logits of all positions are never
 * there together, neither now nor on the way back, where each chunk's are computed again.
 */
export function linearCrossEntropy({
  x,
  weight,
  bias,
  targets,
  finish = (logits) => logits,
  chunk = 2048,
}: LinearCrossEntropyCall): Tensor {
  const lossOf = (rows: Tensor, wanted: Tensor): Tensor => crossEntropy(finish(linear(rows, weight, bias)), wanted);
  const positions = sizeOf(targets.shape);
  const rows = reshape(x, [positions, x.shape.at(-1)!]);
  const wanted = reshape(targets, [positions]);
  if (positions <= chunk) return reshape(lossOf(rows, wanted), targets.shape);
  const chunks = Math.ceil(positions / chunk);
  const cut = (all: Tensor): Tensor =>
    reshape(pad(all, 0, 0, chunks * chunk - positions), [chunks, chunk, ...all.shape.slice(1)]);
  const { outputs } = scan({
    carry: {},
    sequences: { rows: cut(rows), wanted: cut(wanted) },
    step: (carry, each) => ({ carry, output: lossOf(each.rows, each.wanted) }),
  });
  return reshape(slice(reshape(outputs, [chunks * chunk]), 0, 0, positions), targets.shape);
}
