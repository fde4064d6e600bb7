/** What an attention keeps of a token in one layer, and how it is shared among heads. */
export interface CacheShape {
  readonly name: string;
  /** h: query heads. */
  readonly heads: number;
  /** h_kv: distinct heads of keys and values, or latents. */
  readonly kvHeads: number;
  /** Elements of one of them, keys and values together. */
  readonly perKvHead: number;
  /** Elements that all of them share: the rotated key. */
  readonly shared: number;
  /** m_kv: 2 where keys and values are tensors of their own, 1 where one stored tensor is both. */
  readonly tensors: 1 | 2;
}

/** Sizes that all attentions have. */
export interface HeadShape {
  /** h: query heads. */
  readonly heads: number;
  /** d: width of a head. */
  readonly headDim: number;
}

/** Multi-head attention (MHA): keys and values of every head. */
export function multiHeadShape({ heads, headDim }: HeadShape): CacheShape {
  return { name: 'MHA', heads, kvHeads: heads, perKvHead: 2 * headDim, shared: 0, tensors: 2 };
}

/** Grouped-query attention (GQA): keys and values of each group of heads. */
export function groupedQueryShape({ heads, headDim, kvHeads }: HeadShape & { readonly kvHeads: number }): CacheShape {
  return { name: 'GQA', heads, kvHeads, perKvHead: 2 * headDim, shared: 0, tensors: 2 };
}

/** Multi-query attention (MQA): one key and one value for all heads. */
export function multiQueryShape({ heads, headDim }: HeadShape): CacheShape {
  return { name: 'MQA', heads, kvHeads: 1, perKvHead: 2 * headDim, shared: 0, tensors: 2 };
}

/** Widths of latents and of the shared key. */
export interface LatentWidths {
  /** @defaultValue 4 · headDim, or 2 · headDim of each of several */
  readonly latentDim?: number;
  /** @defaultValue headDim / 2 */
  readonly rotaryDim?: number;
}

/** Multi-head latent attention (MLA): one latent and one rotated key. */
export function multiHeadLatentShape({
  heads,
  headDim,
  latentDim = 4 * headDim,
  rotaryDim = headDim / 2,
}: HeadShape & LatentWidths): CacheShape {
  return { name: 'MLA', heads, kvHeads: 1, perKvHead: latentDim, shared: rotaryDim, tensors: 1 };
}

/** Grouped latent attention (GLA): a latent for each group of heads and one rotated key. */
export function groupedLatentShape({
  heads,
  headDim,
  latentHeads = 2,
  latentDim = 2 * headDim,
  rotaryDim = headDim / 2,
}: HeadShape & LatentWidths & { readonly latentHeads?: number }): CacheShape {
  return { name: 'GLA', heads, kvHeads: latentHeads, perKvHead: latentDim, shared: rotaryDim, tensors: 1 };
}

/** Grouped-tied attention (GTA): one tensor for keys and values of each group of heads, and one rotated key. */
export function groupedTiedShape({
  heads,
  headDim,
  kvHeads,
  rotaryDim = headDim / 2,
}: HeadShape & Pick<LatentWidths, 'rotaryDim'> & { readonly kvHeads: number }): CacheShape {
  return { name: 'GTA', heads, kvHeads, perKvHead: headDim, shared: rotaryDim, tensors: 1 };
}
