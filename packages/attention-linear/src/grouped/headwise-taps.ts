import type { ParamSpec } from '@tessera/plugin';
import { constant } from '@tessera/plugin';
import type { Tensor } from '@tessera/tensor-core';
import { broadcastTo, expandDims, reshape } from '@tessera/tensor-core';

/** Taps of each head, `[H, J]`, the current entry's last. They start at 0, so that a layer begins without the convolution. */
export function headwiseTaps(heads: number, taps: number): ParamSpec {
  return { shape: [heads, taps], init: constant(0), precise: true };
}

/** Taps `[H, J]` for each of the H · V channels, `[H · V, J]`. */
export function tapsOfChannels(weight: Tensor, V: number): Tensor {
  const [H, J] = weight.shape as [number, number];
  return reshape(broadcastTo(expandDims(weight, 1), [H, V, J]), [H * V, J]);
}
