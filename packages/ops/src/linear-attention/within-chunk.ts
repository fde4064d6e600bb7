import type { Tensor } from '@tessera/tensor-core';
import {
  and,
  broadcastTo,
  cast,
  cumsum,
  exp,
  expandDims,
  greater,
  greaterEqual,
  iota,
  matmul,
  maximum,
  mul,
  permute,
  reshape,
  slice,
  squeeze,
  sum,
  transpose,
  where,
} from '@tessera/tensor-core';
import { minusInfinity } from '../softmax.ts';

/** Log decays below this one empty the state: e to it is 0 also in doubles. Finite, so that sums and differences are numbers. */
export const forgetsAll = -1e4;

/** Each of P heads for the H / P that share it: `x [B, T, P, …]` → `[B, T, H, …]`. */
export function repeatHeads(x: Tensor, H: number): Tensor {
  const [B, T, P, K] = x.shape as [number, number, number, number];
  return P === H ? x : reshape(broadcastTo(expandDims(x, 3), [B, T, P, H / P, K]), [B, T, H, K]);
}

/** The sums over the heads that share one: `x [B, T, H, K]` → `[B, T, P, K]`. */
export function sumHeads(x: Tensor, P: number): Tensor {
  const [B, T, H, K] = x.shape as [number, number, number, number];
  return P === H ? x : sum(reshape(x, [B, T, P, H / P, K]), { axis: 3 });
}

/**
 * What the entries of a chunk are to each other and to the states around it, with G_r = Σ_{u≤r} g_u of the chunk. In all of them
 * the last axis is that of keys, of extent 1 where a head decays as a whole.
 */
export interface Decays {
  /** Which entries s an entry r sees, r ≥ s: bool, `[C, C]`, or of a tree `[B, 1, C, C]`. */
  readonly sees: Tensor;
  /** As `sees`, without the entry itself. */
  readonly before: Tensor;
  /** e^{G_r}, `[B, H, C, K or 1]`; undefined where nothing decays, as are the others. */
  readonly fromStart?: Tensor;
  /** e^{G_C − G_s}, `[B, H, C, K or 1]`. */
  readonly toEnd?: Tensor;
  /** e^{G_C}, `[B, H, K or 1, 1]`. */
  readonly whole?: Tensor;
  /** e^{G_r − G_s} for the entries that r sees, else 0, `[B, H, C, C, K or 1]`. */
  readonly between?: Tensor;
}

/** Log decays with an axis of keys: `[…, K]` as they are, one for a head `[…]` → `[…, 1]`. */
export function perKey(g: Tensor, rank: number): Tensor {
  return maximum(g.rank === rank ? g : expandDims(g, rank - 1), forgetsAll);
}

/** The decays inside a chunk of C entries, from their logarithms `g [B, H, C]` or `[B, H, C, K]`. */
export function chainDecays(C: number, g: Tensor | undefined): Decays {
  const before = greater(iota([C, C], 0), iota([C, C], 1));
  const sees = greaterEqual(iota([C, C], 0), iota([C, C], 1));
  if (!g) return { sees, before };
  const log = perKey(g, 4);
  const G = cumsum(log, 2);
  // Σ of g over s < u ≤ r, summed for each s alone: in G_r − G_s one strong gate would wipe out the weak ones after it.
  const sums = cumsum(where(expandDims(before, 2), expandDims(log, 3), 0), 2); // [B, H, C, C, K or 1]
  const [B, H, , , K] = sums.shape as [number, number, number, number, number];
  return {
    sees,
    before,
    fromStart: exp(G),
    toEnd: exp(reshape(slice(sums, 2, -1), [B, H, C, K])),
    whole: exp(reshape(slice(G, 2, -1), [B, H, K, 1])),
    between: masked(sums, sees),
  };
}

/**
 * The decays between the nodes of a tree along their paths, from `ancestors [B, n, n]` (a node is its own) and logarithms
 * `g [B, H, n]` or `[B, H, n, K]`. There is no end that all paths lead to.
 */
export function treeDecays(ancestors: Tensor, g: Tensor | undefined): Decays {
  const n = ancestors.shape[1]!;
  const sees = expandDims(ancestors, 1); // [B, 1, n, n]
  const before = and(sees, greater(iota([n, n], 0), iota([n, n], 1)));
  if (!g) return { sees, before };
  const log = perKey(g, 4);
  const [B, H, , K] = log.shape as [number, number, number, number];
  const on = cast(sees, 'f32');
  // Σ over the nodes u that are on the path to r, and below s: rows of (r, key), columns s.
  const onPath = mul(expandDims(on, 4), expandDims(log, 2)); // [B, H, r, u, K or 1]
  const rows = reshape(permute(onPath, [0, 1, 2, 4, 3]), [B, H, n * K, n]);
  const sums = permute(reshape(matmul(rows, cast(before, 'f32')), [B, H, n, K, n]), [0, 1, 2, 4, 3]);
  return { sees, before, fromStart: exp(matmul(on, log)), between: masked(sums, sees) };
}

/** e to the sums where r sees s, else 0; masked before exp, above the diagonal it would overflow on the way back. */
function masked(sums: Tensor, sees: Tensor): Tensor {
  return exp(where(expandDims(sees, sees.rank), sums, minusInfinity));
}

/** x_r ⊙ decay of r, for `x [B, H, C, K]`. */
export function weaken(x: Tensor, decay: Tensor | undefined): Tensor {
  return decay ? mul(x, decay) : x;
}

/** Σ_K x_r ⊙ y_s ⊙ e^{G_r − G_s} for the entries that r sees, or sees before itself: `x`, `y` `[B, H, C, K]` → `[B, H, C, C]`. */
export function scores(x: Tensor, y: Tensor, { between }: Decays, mask: Tensor): Tensor {
  const perKey = between && between.shape[4] !== 1;
  const products = perKey
    ? sum(mul(mul(expandDims(x, 3), expandDims(y, 2)), between), { axis: 4 })
    : matmul(x, transpose(y));
  return where(mask, between && !perKey ? mul(products, squeeze(between, 4)) : products, 0);
}

/** Σ_s X_rs y_s ⊙ e^{G_r − G_s}: `X [B, H, C, C]`, 0 where r does not see s, `y [B, H, C, K]` → `[B, H, C, K]`. */
export function gatherDecayed(X: Tensor, y: Tensor, { between }: Decays): Tensor {
  if (!between) return matmul(X, y);
  if (between.shape[4] === 1) return matmul(mul(X, squeeze(between, 4)), y);
  return sum(mul(mul(expandDims(X, 4), between), expandDims(y, 2)), { axis: 3 });
}

/** Σ_r X_rs y_r ⊙ e^{G_r − G_s}: as {@link gatherDecayed}, from the later entries to the earlier ones. */
export function scatterDecayed(X: Tensor, y: Tensor, { between }: Decays): Tensor {
  if (!between) return matmul(transpose(X), y);
  if (between.shape[4] === 1) return matmul(transpose(mul(X, squeeze(between, 4))), y);
  return sum(mul(mul(expandDims(X, 4), between), expandDims(y, 3)), { axis: 2 });
}
