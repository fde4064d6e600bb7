import type { ActivationName } from '@tessera/ops';
import { activations, gatedRmsNorm, linear, rmsNorm } from '@tessera/ops';
import type { Tensor } from '@tessera/tensor-core';
import { mul, ones, reshape } from '@tessera/tensor-core';

/** What becomes of the heads' outputs. */
export interface HeadOutput {
  /** `[D, H · V]` */
  readonly o_proj: Tensor;
  /** Root mean square norm of each head. `weight [V]`; absent: ones. */
  readonly norm?: { readonly weight?: Tensor | undefined; readonly eps: number } | undefined;
  /** Gate of each element, `[B, n, H · V]`, through its activation. */
  readonly gate?: { readonly x: Tensor; readonly activation: ActivationName } | undefined;
}

/** Heads `o [B, n, H, V]`, normalised, gated and projected: `[B, n, D]`. */
export function headOutput(o: Tensor, { o_proj, norm, gate }: HeadOutput): Tensor {
  const [B, n, H, V] = o.shape as [number, number, number, number];
  return linear(reshape(gated(o), [B, n, H * V]), o_proj);

  function gated(heads: Tensor): Tensor {
    const weight = norm && (norm.weight ?? ones([V]));
    const byHead = gate && reshape(gate.x, [B, n, H, V]);
    if (norm && gate) return gatedRmsNorm(heads, weight!, byHead!, { eps: norm.eps, activation: gate.activation });
    const normed = norm ? rmsNorm(heads, weight!, { eps: norm.eps }) : heads;
    return gate ? mul(normed, activations[gate.activation](byHead!)) : normed;
  }
}
