import type { CpuKernel, Op } from '@tessera/tensor-core';
import { ShapeError, apply, scan } from '@tessera/tensor-core';
import { outputsOf, stateAfter, writesOf } from './chunk-step.ts';
import { fromChunks, toChunks } from './entries-by-chunk.ts';
import type { ChunkedAttributes, LinearAttentionCall, LinearAttentionResult } from './linear-attention-call.ts';
import {
  chunkLength,
  costOfLinearAttention,
  inferLinearAttention,
  inputsOf,
  operandsOf,
  variantOf,
} from './linear-attention-call.ts';
import { gradientByChunks } from './linear-attention-gradient.ts';
import { chunkedKernel } from './linear-attention-chunked.wgsl.ts';
import { loopsOverEntries } from './linear-attention-loops.ts';
import { chainDecays, repeatHeads } from './within-chunk.ts';

/** Products of matrices pay on the CPU as well; a decay for each key and pair of entries does not. */
const loops: CpuKernel<ChunkedAttributes> = {
  ...loopsOverEntries,
  when: ({ attributes }) => attributes.decay === 'vector',
};

/** Op: linear attention by chunks. See {@link linearAttentionChunked}. */
export const linearAttentionChunkedOp: Op<ChunkedAttributes> = {
  id: '@tessera/ops:linear-attention-chunked',
  infer(inputs, attributes) {
    if (!Number.isInteger(attributes.chunk) || attributes.chunk < 1)
      throw new ShapeError(`linearAttentionChunked: chunk is ${attributes.chunk}, expected a whole number from 1 on.`);
    return inferLinearAttention(inputs, attributes);
  },
  definition(inputs, attributes) {
    const { q, k, v, S: S0, g, beta } = operandsOf(inputs, attributes);
    const [, T, H] = v.shape as [number, number, number, number];
    const C = attributes.chunk;
    const { carry, outputs } = scan({
      carry: { S: S0 },
      sequences: {
        q: toChunks(repeatHeads(q, H), C),
        k: toChunks(repeatHeads(k, H), C),
        v: toChunks(v, C),
        ...(g && { g: toChunks(g, C) }),
        ...(beta && { beta: toChunks(beta, C) }),
      },
      step: ({ S }, { g, ...entries }) => {
        const decays = chainDecays(C, g);
        const { written } = writesOf(entries, decays, S);
        return {
          carry: { S: stateAfter(entries, decays, S, written) },
          output: { o: outputsOf(entries, decays, S, written) },
        };
      },
    });
    return [fromChunks(outputs.o, T), carry.S];
  },
  kernels: [loops, chunkedKernel],
  gradient: (call) => gradientByChunks(call, call.attributes.chunk),
  cost: costOfLinearAttention,
};

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
