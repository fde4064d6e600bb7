import type { Tensor } from '@tessera/tensor-core';
import { add, cumsum, expandDims, greater, matmul, mul, neg, reshape, sub, sum, transpose, where } from '@tessera/tensor-core'; // prettier-ignore
import type { ChunkEntries } from './chunk-step.ts';
import { writesOf } from './chunk-step.ts';
import type { Decays } from './within-chunk.ts';
import { chainDecays, forgetsAll, gatherDecayed, perKey, scatterDecayed, scores, weaken } from './within-chunk.ts';

/** A chunk, and what is known before and after it. */
export interface ChunkGradientCall {
  readonly chunk: ChunkEntries;
  readonly g?: Tensor | undefined;
  /** State before the chunk. */
  readonly S: Tensor;
  readonly dO: Tensor;
  /** Cotangent of the state after it. */
  readonly dS: Tensor;
}

/** Cotangents of a chunk: `dS` of the state before it, the others of its entries. */
export type ChunkGradient = Record<'dS' | 'dq' | 'dk' | 'dv', Tensor> & Partial<Record<'dg' | 'dbeta', Tensor>>;

/**
 * Cotangents of the entries of a chunk, and of the state before it.
 * @see Yang et al. 2023, arXiv:2312.06635, appendix C (the gradient of the gates); Yang et al. 2024, arXiv:2406.06484.
 */
export function chunkGradient({ chunk, g, S, dO, dS }: ChunkGradientCall): ChunkGradient {
  const { q, k, beta } = chunk;
  const decays = chainDecays(q.shape[2]!, g);
  const { fromStart, toEnd, whole, sees } = decays;
  const { written, delta } = writesOf(chunk, decays, S);
  const P = scores(q, k, decays, sees);
  const dWritten = add(matmul(transpose(P), dO), matmul(weaken(k, toEnd), dS));
  const dP = where(sees, matmul(dO, transpose(written)), 0);
  const dQStart = weaken(matmul(dO, transpose(S)), fromStart); // by way of the state before the chunk
  const dQ = add(dQStart, gatherDecayed(dP, k, decays));
  const dKept = weaken(matmul(written, transpose(dS)), toEnd); // of keys, by way of the state after the chunk
  const dKeys = add(dKept, scatterDecayed(dP, q, decays)); // of keys that write, without the delta rule all
  const dBefore = add(weaken(dS, whole), matmul(transpose(weaken(q, fromStart)), dO));
  const shared = { chunk, g, decays, S, dS, dKept, dQStart, P, dP };
  if (!delta) return { dS: dBefore, dq: dQ, dk: dKeys, dv: dWritten, ...gateGradient(shared) };

  const { M, inverse, F } = delta;
  const dFound = matmul(transpose(inverse), mul(expandDims(beta!, 3), dWritten)); // of V − (K ⊙ e^G) S
  const dM = where(decays.before, neg(matmul(dFound, transpose(written))), 0);
  const dKStart = neg(weaken(matmul(dFound, transpose(S)), fromStart));
  const dReads = add(gatherDecayed(dM, k, decays), dKStart); // of keys that read
  const dWrites = add(dKeys, scatterDecayed(dM, k, decays));
  const dbeta = sum(mul(F, sub(dWritten, matmul(transpose(M), dFound))), { axis: 3 });
  return {
    dS: sub(dBefore, matmul(transpose(weaken(k, fromStart)), dFound)),
    dq: dQ,
    dk: add(dReads, dWrites),
    dv: dFound,
    ...gateGradient({ ...shared, delta: { M, dM, dKStart } }),
    dbeta,
  };
}

interface GateGradientCall extends Pick<ChunkGradientCall, 'chunk' | 'g' | 'S' | 'dS'> {
  readonly decays: Decays;
  /** Of queries, and of reading keys, by way of the state before the chunk. */
  readonly dQStart: Tensor;
  /** Of writing keys by way of the state after it. */
  readonly dKept: Tensor;
  readonly P: Tensor;
  readonly dP: Tensor;
  readonly delta?: { readonly M: Tensor; readonly dM: Tensor; readonly dKStart: Tensor };
}

/**
 * Of log decays. g_u stands in e^{G_r − G_s} of every pair s < u ≤ r, in e^{G_r} from the state before the chunk to every r ≥ u, in
 * e^{G_C − G_s} from every s < u to the state after it, and in e^{G_C}. Only these are summed: in sums over all r ≥ u of what G_r
 * stands in, the pairs on one side of u would cancel, and where decays are strong leave nothing but rounding.
 */
function gateGradient({ chunk, g, decays, S, dS, dKept, dQStart, P, dP, delta }: GateGradientCall): { dg?: Tensor } {
  if (!g) return {};
  const { q, k } = chunk;
  const log = perKey(g, 4);
  const [B, H, , K] = k.shape as [number, number, number, number];
  const each = log.shape[3] !== 1;
  const total = (x: Tensor): Tensor => (each ? x : sum(x, { axis: 3, keepDims: true }));
  const between = (X: Tensor, x: Tensor): Tensor => mul(mul(mul(expandDims(X, 4), decays.between!), expandDims(x, 3)), expandDims(k, 2)); // prettier-ignore
  const pairs = each
    ? add(between(dP, q), delta ? between(delta.dM, k) : 0)
    : expandDims(add(mul(dP, P), delta ? mul(delta.dM, delta.M) : 0), 4); // [B, H, r, s, K or 1]
  const across = sum(where(expandDims(decays.before, 2), cumsum(pairs, 2, { reverse: true }), 0), { axis: 3 });
  const fromStart = add(mul(q, dQStart), delta ? mul(k, delta.dKStart) : 0);
  const whole = reshape(sum(mul(weaken(S, decays.whole), dS), { axis: 3 }), [B, H, 1, K]);
  const dg = add(
    add(across, cumsum(total(fromStart), 2, { reverse: true })),
    add(cumsum(total(mul(k, dKept)), 2, { exclusive: true }), total(whole)),
  );
  return { dg: reshape(where(greater(log, forgetsAll), dg, 0), g.shape) };
}
