import type { CachePolicy, SlotCommit, SlotEntries, Slots, StateSize } from '@tessera/plugin';
import { commitSlots, contiguousCache, emptySlots, pickRows, slotBytes, takeSlots, windowCache } from '@tessera/plugin';
import {
  InvalidSpecError,
  add,
  div,
  gather,
  greaterEqual,
  iota,
  maximum,
  mul,
  rem,
  scatterSet,
  where,
  zeros,
} from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';

/**
 * One row for each past position, which is all that is kept of it. Slots are what policies and masks speak of; where pages are
 * used, a table says where the rows of a run of slots are.
 */
export interface RowCache extends Slots {
  /** `[B, S, W]`; with pages S is their number · their size, and rows are in the order of the pages. */
  readonly rows: Tensor;
  /** Page of each run of slots, `[B, S / pageSize]`, i32. Absent: slots are where they are. */
  readonly table?: Tensor;
}

/** What a cache of rows is made by. */
export interface RowCacheConfig {
  /** Elements of a row. */
  readonly width: number;
  readonly window?: number | undefined;
  /** Slots of a page; absent: no pages. */
  readonly pageSize?: number | undefined;
}

/** Where entries go: as told, in a ring where there is a window, else one after another. */
export function policyOf(
  { window }: { readonly window?: number | undefined },
  given: CachePolicy | undefined,
): CachePolicy {
  if (window !== undefined && given?.read)
    throw new InvalidSpecError(
      `attention: it has a window of ${window}, for which it was trained, and was given the cache policy '${given.name}', which reads the cache in another way. Leave the policy to layers without a window.`,
      { facts: { window, policy: given.name } },
    );
  return given ?? (window === undefined ? contiguousCache : windowCache(window));
}

/** How the memory of {@link emptyRows} grows. */
export function growthOf(
  { window }: { readonly window?: number | undefined },
  given: CachePolicy | undefined,
): 'linear' | 'bounded' {
  return window === undefined && given?.endless !== true ? 'linear' : 'bounded';
}

type Site = StateSize & { readonly cache?: CachePolicy };

/** Slots, as many as fill their pages. */
function slotsOf(config: RowCacheConfig, site: Site): number {
  const { pageSize = 1 } = config;
  return Math.ceil(policyOf(config, site.cache).slots(site) / pageSize) * pageSize;
}

/** An empty cache. */
export function emptyRows(config: RowCacheConfig, site: Site): RowCache {
  const { batch } = site;
  const slots = slotsOf(config, site);
  return {
    rows: zeros([batch, slots, config.width]),
    ...emptySlots(batch, slots),
    ...(config.pageSize !== undefined && { table: add(iota([batch, slots / config.pageSize], 1), 0) }),
  };
}

/** Bytes of {@link emptyRows}. */
export function rowCacheBytes(config: RowCacheConfig, site: Site): number {
  const slots = slotsOf(config, site);
  const pages = config.pageSize === undefined ? 0 : slots / config.pageSize;
  return slotBytes({ batch: site.batch, slots, elements: config.width }) + 4 * site.batch * pages;
}

/** Where the rows of slots are, i32 of the same shape; −1 stays. */
function placeOf({ table, positions }: RowCache, slots: Tensor): Tensor {
  if (!table) return slots;
  const pageSize = positions.shape[1]! / table.shape[1]!;
  const slot = maximum(slots, 0);
  const place = add(mul(gather(table, div(slot, pageSize), { batchDims: 1 }), pageSize), rem(slot, pageSize));
  return where(greaterEqual(slots, 0), place, -1);
}

/** The cache with the rows `[B, n, W]` of a step, and the slot of each of them `[B, n]` (−1: it does not count). */
export function appendRows(
  cache: RowCache,
  policy: CachePolicy,
  { rows, ...entries }: SlotEntries & Pick<RowCache, 'rows'>,
): { readonly cache: RowCache; readonly slots: Tensor } {
  const { after, slots } = takeSlots(cache, policy, entries);
  const written = scatterSet(cache.rows, placeOf(cache, slots), rows, { batchDims: 1 });
  return { cache: { ...cache, ...after, rows: written }, slots };
}

/** Moves the rows of the accepted path into consecutive slots and forgets the other rows of the step. */
export function commitRows(
  before: Pick<Slots, 'count'>,
  after: RowCache,
  policy: CachePolicy,
  commit: SlotCommit,
): RowCache {
  const { kept, from, to } = commitSlots(before, after, policy, commit);
  if (commit.inOrder) return { ...after, ...kept };
  const moved = pickRows(after.rows, placeOf(after, from));
  return { ...after, ...kept, rows: scatterSet(after.rows, placeOf(after, to), moved, { batchDims: 1 }) };
}
