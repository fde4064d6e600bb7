import type { Op, Tensor, TensorType } from '@tessera/tensor-core';
import {
  ShapeError,
  apply1,
  broadcastTo,
  concat,
  expandDims,
  gather,
  reshape,
  sameShape,
  showShape,
  sizeOf,
  slice,
} from '@tessera/tensor-core';
import { attention } from './attention.ts';
import { latentAttentionKernel } from './latent-attention.wgsl.ts';

/** Attributes of {@link latentAttentionOp}. */
export interface LatentAttentionAttributes {
  /** G: groups of query heads, each with a latent. */
  readonly groups: number;
  /** R: width of the key that all heads share. */
  readonly sharedDim: number;
  readonly scale: number;
  /** A query sees keys at a distance below this. 0: no limit. */
  readonly window: number;
  /** Slots of a page that is found by a table. 0: no pages. */
  readonly pageSize: number;
  /** True when a mask is given. */
  readonly masked: boolean;
  /** Slots from the first that are met by queries of their own, at any distance. 0: none. */
  readonly pinned: number;
}

/** Inputs of {@link latentAttentionOp} by their names. */
interface LatentAttentionInputs<T> {
  readonly q: T;
  readonly rows: T;
  readonly queryPositions: T;
  readonly keyPositions: T;
  readonly table?: T | undefined;
  readonly mask?: T | undefined;
  readonly pinnedQuery?: T | undefined;
}

/** Inputs by name. */
function namedInputs<T>(
  inputs: readonly T[],
  { pageSize, masked, pinned }: LatentAttentionAttributes,
): LatentAttentionInputs<T> {
  const [q, rows, queryPositions, keyPositions, ...rest] = inputs as [T, T, T, T, ...T[]];
  return {
    q,
    rows,
    queryPositions,
    keyPositions,
    ...(pageSize > 0 && { table: rest.shift()! }),
    ...(masked && { mask: rest.shift()! }),
    ...(pinned > 0 && { pinnedQuery: rest.shift()! }),
  };
}

/** Op: softmax attention over rows that are keys and values at once. See {@link latentAttention}. */
export const latentAttentionOp: Op<LatentAttentionAttributes> = {
  id: '@tessera/ops:latent-attention',
  infer(inputs, attributes) {
    const { q } = namedInputs(inputs, attributes);
    check(inputs, attributes);
    return [{ shape: [...q.shape.slice(0, 3), latentDimOf(inputs, attributes)], dtype: 'f32' }];
  },
  definition(inputs, attributes) {
    const { q, rows, queryPositions, keyPositions, table, mask, pinnedQuery } = namedInputs(inputs, attributes);
    const { groups: G, sharedDim: R, scale, window, pageSize, pinned: slots } = attributes;
    const [B, S] = keyPositions.shape as [number, number];
    const V = latentDimOf(inputs, attributes);
    const W = G * V + R;
    const found = table ? inSlots(rows, table, pageSize) : rows;
    const row = reshape(found, [B, S, W]);
    const v = reshape(slice(row, -1, 0, G * V), [B, S, G, V]);
    const shared = broadcastTo(expandDims(slice(row, -1, G * V), 2), [B, S, G, R]);
    const k = concat([slice(v, -1, 0, q.shape[3]! - R), shared], 3);
    const pinned = pinnedQuery && { slots, q: pinnedQuery };
    return [attention({ q, k, v, queryPositions, keyPositions, ...(mask && { mask }), pinned, scale, window })];
  },
  kernels: [latentAttentionKernel],
  cost(inputs, [o], attributes) {
    const { q, keyPositions } = namedInputs(inputs, attributes);
    const [B, S] = keyPositions.shape as [number, number];
    const width = attributes.groups * o!.shape[3]! + attributes.sharedDim;
    return {
      bytes: 4 * (sizeOf(q.shape) + B * S * width + sizeOf(o!.shape)),
      flops: 2 * S * (sizeOf(q.shape) + sizeOf(o!.shape)),
    };
  },
};

/** V, the width of a latent, from the width of a row. */
function latentDimOf(inputs: readonly TensorType[], attributes: LatentAttentionAttributes): number {
  const { rows } = namedInputs(inputs, attributes);
  return (rows.shape.at(-1)! - attributes.sharedDim) / attributes.groups;
}

/** Pages in the order of the slots, those of each row of the batch or of the pool that all have. */
function inSlots(rows: Tensor, table: Tensor, pageSize: number): Tensor {
  const [N, X, W] = rows.shape as [number, number, number];
  const pages = reshape(rows, [N, X / pageSize, pageSize, W]);
  return N === 1 ? gather(reshape(pages, [X / pageSize, pageSize, W]), table) : gather(pages, table, { batchDims: 1 });
}

function check(inputs: readonly TensorType[], attributes: LatentAttentionAttributes): void {
  const { q, rows, queryPositions, keyPositions, table, mask, pinnedQuery } = namedInputs(inputs, attributes);
  const { groups, sharedDim, pageSize, pinned } = attributes;
  const [B, n, H = 0, K = 0] = q.shape;
  const S = keyPositions.shape[1];
  const V = latentDimOf(inputs, attributes);
  const plain = K - sharedDim;
  const fits =
    q.shape.length === 4 &&
    rows.shape.length === 3 &&
    H % groups === 0 &&
    Number.isInteger(V) &&
    plain >= 0 &&
    plain <= V &&
    isOf(queryPositions, 'i32', [B!, n!]) &&
    isOf(keyPositions, 'i32', [B!, S!]) &&
    (table
      ? [1, B].includes(rows.shape[0]!) && rows.shape[1]! % pageSize === 0 && isOf(table, 'i32', [B!, S! / pageSize])
      : rows.shape[0] === B && rows.shape[1] === S) &&
    (!mask || isOf(mask, 'bool', [B!, n!, S!])) &&
    (!pinnedQuery || (isOf(pinnedQuery, q.dtype, q.shape) && pinned <= S!));
  if (fits) return;
  const show = ({ dtype, shape }: TensorType): string => `${dtype}${showShape(shape)}`;
  throw new ShapeError(
    `latentAttention: q ${show(q)}, rows ${show(rows)}, positions ${show(queryPositions)} and ${show(keyPositions)}${table ? `, table ${show(table)}` : ''}${mask ? `, mask ${show(mask)}` : ''}${pinnedQuery ? `, q of ${pinned} pinned slots ${show(pinnedQuery)}` : ''} do not fit ${groups} groups and a shared key of ${sharedDim}: ` +
      `expected [B, n, heads, K + ${sharedDim}] with K up to V and heads a multiple of ${groups}, [${table ? `B or 1, whole pages of ${pageSize}` : 'B, S'}, ${groups} · V + ${sharedDim}], i32[B, n], i32[B, S]${table ? `, i32[B, S / ${pageSize}]` : ''}${mask ? ', bool[B, n, S]' : ''}${pinnedQuery ? ', the shape of q with no more pinned slots than S' : ''}.`,
    { facts: { groups, sharedDim } },
  );
}

function isOf(type: TensorType, dtype: TensorType['dtype'], shape: readonly number[]): boolean {
  return type.dtype === dtype && sameShape(type.shape, shape);
}

/** What {@link latentAttention} is given. */
export interface LatentAttentionCall {
  /** `[B, n, H, K + R]`: what meets the latents, then what meets the shared key. K is at most V. */
  readonly q: Tensor;
  /**
   * `[B, S, G · V + R]`: the latents of a slot, then its shared key. With a table: the pages of each row of the batch, one after another,
   * or `[1, pages · pageSize, G · V + R]`: those of a pool that all rows of the batch have in common.
   */
  readonly rows: Tensor;
  /** G; query head h reads latent ⌊h · G / H⌋. @defaultValue 1 */
  readonly groups?: number;
  /** R, width of the shared key. */
  readonly sharedDim: number;
  /** `[B, n]`, i32. */
  readonly queryPositions: Tensor;
  /** `[B, S]`, i32; −1 for slots that hold nothing. */
  readonly keyPositions: Tensor;
  /** `[B, S / pageSize]`, i32: page of each run of slots. Slots of a page that does not exist hold nothing. @defaultValue no pages */
  readonly table?: Tensor | undefined;
  /** Slots of a page. @defaultValue 1 */
  readonly pageSize?: number | undefined;
  /** `[B, n, S]`, bool: hides further keys where false (trees). */
  readonly mask?: Tensor | undefined;
  /**
   * The first `slots` slots are met by the queries `q` `[B, n, H, K + R]` in place of the others, at any distance whatever the window:
   * attention sinks. @defaultValue none
   */
  readonly pinned?: { readonly slots: number; readonly q: Tensor } | undefined;
  /** Factor of the dot products. */
  readonly scale: number;
  /** A query sees keys at a distance below this. @defaultValue no limit */
  readonly window?: number | undefined;
}

/**
 * Causal softmax attention over rows that are keys and values at once. With latents c and the shared key k^r of a slot, head j
 * of group g sees the key (first K of c_g, k^r) and the value c_g:
 *
 * u_j = Σ_s softmax_s(scale · (q_j · (c_{g,s}[0 … K), k^r_s))) c_{g,s}
 *
 * That is the absorbed form of MLA and GLA (K = V), and GTA as it is (K = V − R). Softmax and sums in f32. A query that sees
 * nothing gives zeros.
 * @returns `[B, n, H, V]`
 * @throws {@link ShapeError} when the tensors do not fit each other
 * @see DeepSeek-AI 2024, arXiv:2405.04434; Zadouri et al. 2025, arXiv:2505.21487; pages: Kwon et al. 2023, arXiv:2309.06180.
 */
export function latentAttention({
  q,
  rows,
  groups = 1,
  sharedDim,
  queryPositions,
  keyPositions,
  table,
  pageSize = 1,
  mask,
  pinned,
  scale,
  window = 0,
}: LatentAttentionCall): Tensor {
  const apart = pinned !== undefined && pinned.slots > 0 ? pinned : undefined;
  const inputs = [q, rows, queryPositions, keyPositions];
  for (const further of [table, mask, apart?.q]) if (further) inputs.push(further);
  const layout = { pageSize: table ? pageSize : 0, masked: mask !== undefined, pinned: apart?.slots ?? 0 };
  return apply1(latentAttentionOp, inputs, { groups, sharedDim, scale, window, ...layout });
}
