import { apply } from '@tessera/tensor-core';
import type { LinearAttentionCall, LinearAttentionResult } from './linear-attention-call.ts';
import { chunkLength, inputsOf, variantOf } from './linear-attention-call.ts';
import { linearAttentionChunkedOp } from './linear-attention-chunked-ops.ts';

/**
 * Linear attention by chunks of C entries: within a chunk products of matrices, between chunks the state. Equal to
 * {@link linearAttentionRecurrent} up to rounding. With G_r = Σ_{u≤r} g_u inside the chunk:
 *
 * O = (Q ⊙ e^G) S + P V′, P_rs = Σ_K q_r k_s e^{G_r − G_s} for s ≤ r; S ← e^{G_C} ⊙ S + (K ⊙ e^{G_C − G})ᵀ V′.
 *
 * V′ is V, and with `beta` the WY form of the delta rule: V′ = (I + L)⁻¹ diag(β) (V − (K ⊙ e^G) S), L_rs = β_r Σ_K k_r k_s e^{G_r − G_s}
 * for s < r. The gradient goes by chunks as well, and keeps nothing but the operands.
 * @throws ShapeError when the operands do not fit
 * @see Yang et al. 2023, arXiv:2312.06635, section 4; Yang et al. 2024, arXiv:2406.06484, section 3, and arXiv:2412.06464, section 3.3;
 * Kimi Team 2025, arXiv:2510.26692.
 */
export function linearAttentionChunked(
  call: LinearAttentionCall,
  { chunk = 64 }: { /** C, at most; a shorter sequence is one chunk. @defaultValue 64 */ readonly chunk?: number } = {},
): LinearAttentionResult {
  const [o, S] = apply(linearAttentionChunkedOp, inputsOf(call), {
    ...variantOf(call),
    chunk: chunkLength(call.v.shape[1] ?? 0, chunk),
  });
  return { o: o!, S: S! };
}
