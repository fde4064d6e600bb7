import type { Tensor } from '@tessera/tensor-core';
import { add, expandDims, matmul, mul, sub, transpose } from '@tessera/tensor-core';
import { unitLowerInverse } from '../unit-lower-inverse.ts';
import type { Decays } from './within-chunk.ts';
import { scores, weaken } from './within-chunk.ts';

/** The entries of a chunk, `q`, `k` `[B, H, C, K]`, `v [B, H, C, V]`, `beta [B, H, C]`. */
export interface ChunkEntries {
  readonly q: Tensor;
  readonly k: Tensor;
  readonly v: Tensor;
  readonly beta?: Tensor | undefined;
}

/** What the entries of a chunk write, given the state `S [B, H, K, V]` before it. */
export interface Writes {
  /** V′, what is added along the keys, `[B, H, C, V]`. */
  readonly written: Tensor;
  /** Of the delta rule: M, the correlations of keys with those before, `[B, H, C, C]`, (I + M diag(β))⁻¹, and F, so that V′ = β ⊙ F. */
  readonly delta?: { readonly M: Tensor; readonly inverse: Tensor; readonly F: Tensor } | undefined;
}

/**
 * V′ of a chunk. Without β it is V. With it V′_r = β_r F_r, and F is what a key finds missing, F_r = v_r − e^{G_r} k_r S − Σ_{s<r} M_rs V′_s:
 * F = (I + M diag(β))⁻¹ (V − (K ⊙ e^G) S), M_rs = Σ_K k_r k_s e^{G_r − G_s}.
 */
export function writesOf({ k, v, beta }: ChunkEntries, decays: Decays, S: Tensor): Writes {
  if (!beta) return { written: v };
  const M = scores(k, k, decays, decays.before);
  const inverse = unitLowerInverse(mul(M, expandDims(beta, 2)));
  const F = matmul(inverse, sub(v, matmul(weaken(k, decays.fromStart), S)));
  return { written: mul(expandDims(beta, 3), F), delta: { M, inverse, F } };
}

/** O = (Q ⊙ e^G) S + P V′, P_rs = Σ_K q_r k_s e^{G_r − G_s} where r sees s. */
export function outputsOf({ q, k }: ChunkEntries, decays: Decays, S: Tensor, written: Tensor): Tensor {
  const P = scores(q, k, decays, decays.sees);
  return add(matmul(weaken(q, decays.fromStart), S), matmul(P, written));
}

/** The state after a chunk, e^{G_C} ⊙ S + (K ⊙ e^{G_C − G})ᵀ V′. */
export function stateAfter({ k }: ChunkEntries, { whole, toEnd }: Decays, S: Tensor, written: Tensor): Tensor {
  return add(weaken(S, whole), matmul(transpose(weaken(k, toEnd)), written));
}
