import {
  groupedLatentShape,
  groupedQueryShape,
  groupedTiedShape,
  multiHeadLatentShape,
  multiHeadShape,
  multiQueryShape,
} from './cache-shape.ts';
import type { CacheShape, HeadShape } from './cache-shape.ts';

/**
 * Elements that a rank keeps of a token in one layer: its share of the heads of keys and values, at least one, and what all share.
 * @param ranks - N: tensor-parallel ranks, over which heads are divided
 */
export function elementsPerToken({ kvHeads, perKvHead, shared }: CacheShape, ranks = 1): number {
  return Math.max(1, Math.ceil(kvHeads / ranks)) * perKvHead + shared;
}

/** Bytes that a rank keeps of a token in one layer. */
export function bytesPerToken(
  shape: CacheShape,
  { ranks = 1, bytesPerElement = 4 }: { readonly ranks?: number; readonly bytesPerElement?: number } = {},
): number {
  return bytesPerElement * elementsPerToken(shape, ranks);
}

/** D = ⌈N g / h⌉: ranks that keep the same head of keys and values. One as long as there are as many heads as ranks. */
export function copiesOverRanks({ heads, kvHeads }: CacheShape, ranks: number): number {
  return Math.ceil((ranks * (heads / kvHeads)) / heads);
}

/** What {@link arithmeticIntensity} depends on beside the shape. */
export interface IntensityOptions {
  /** L: length of the cache. @defaultValue without limit */
  readonly length?: number;
  /** New positions that a step brings. @defaultValue 1 */
  readonly queries?: number;
  /** @defaultValue 2 */
  readonly bytesPerElement?: number;
}

/**
 * Floating-point operations of a decode step for each byte that it reads or writes, queries, outputs and cache counted and the shared
 * key not: 4 q L / (s (2 q + (m_kv / g) L)), for long caches 4 q g / (s m_kv). A device that does more operations in the time of a
 * byte waits for its memory.
 */
export function arithmeticIntensity(
  { heads, kvHeads, tensors }: CacheShape,
  { length = Infinity, queries = 1, bytesPerElement = 2 }: IntensityOptions = {},
): number {
  const group = heads / kvHeads;
  const perSlot = tensors / group;
  const ratio = length === Infinity ? 1 / perSlot : length / (2 * queries + perSlot * length);
  return (4 * queries * ratio) / bytesPerElement;
}

/** A line of {@link accountingTable}. */
export interface AccountingRow {
  readonly shape: CacheShape;
  /** Elements that a rank keeps of a token in one layer, for each number of ranks, in units of headDim. */
  readonly perRank: readonly number[];
  /** Limit of {@link arithmeticIntensity} for long caches, one new position, two bytes an element. */
  readonly intensity: number;
}

/** What {@link accountingTable} is made for. */
export interface AccountingSizes extends HeadShape {
  /** Heads of keys of GQA and GTA. */
  readonly kvHeads: number;
  /** Numbers of tensor-parallel ranks, a column each. @defaultValue [1, 2, 4, 8] */
  readonly ranks?: readonly number[];
}

/** What the six attentions keep of a token: MHA, GQA, MQA, MLA, GLA with two latents, and GTA. */
export function accountingTable({ kvHeads, ranks = [1, 2, 4, 8], ...head }: AccountingSizes): readonly AccountingRow[] {
  const shapes = [
    multiHeadShape(head),
    groupedQueryShape({ ...head, kvHeads }),
    multiQueryShape(head),
    multiHeadLatentShape(head),
    groupedLatentShape(head),
    groupedTiedShape({ ...head, kvHeads }),
  ];
  return shapes.map((shape) => ({
    shape,
    perRank: ranks.map((count) => elementsPerToken(shape, count) / head.headDim),
    intensity: arithmeticIntensity(shape),
  }));
}
