import type { Op, Tensor } from '@tessera/tensor-core';
import { apply1, equal, gather, gatherOp, scatterAdd, where, zeros } from '@tessera/tensor-core';

/** Op: rows of an embedding by token. One token's row has no gradient. */
const tokenEmbeddingOp: Op<{ readonly paddingId: number }> = {
  id: '@tessera/assembler:token-embedding',
  infer: (inputs) => gatherOp.infer(inputs, { batchDims: 0 }),
  definition: ([table, tokens]) => [gather(table!, tokens!)],
  gradient: ({ inputs: [table, tokens], cotangents: [c], attributes: { paddingId } }) => [
    // Rows of a place outside are dropped.
    c && scatterAdd(zeros(table!.shape), where(equal(tokens!, paddingId), -1, tokens!), c),
    undefined,
  ],
};

/**
 * Rows of `table [V, D]` for `tokens [B, n]` (i32) → `[B, n, D]`.
 * @param paddingId - token whose row has no gradient from being read
 */
export function tokenEmbedding(table: Tensor, tokens: Tensor, paddingId: number | undefined): Tensor {
  return paddingId === undefined ? gather(table, tokens) : apply1(tokenEmbeddingOp, [table, tokens], { paddingId });
}
