import type { CachePolicy, StateSize } from '@tessera/plugin';
import { contiguousCache, pickRows, validEntries, windowCache } from '@tessera/plugin';
import {
  InvalidSpecError,
  add,
  cast,
  div,
  expandDims,
  full,
  gather,
  greaterEqual,
  iota,
  less,
  maximum,
  mul,
  rem,
  scatterSet,
  sub,
  where,
  zeros,
} from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';

/**
 * One row for each past position, which is all that is kept of it. Slots are what policies and masks speak of; where pages are
 * used, a table says where the rows of a run of slots are.
 */
export interface RowCache {
  /** `[B, S, W]`; with pages S is their number · their size, and rows are in the order of the pages. */
  readonly rows: Tensor;
  /** Position held by each slot, `[B, S]`, i32; −1: none. */
  readonly positions: Tensor;
  /** Entries written so far, `[B]`, i32. */
  readonly count: Tensor;
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
    positions: cast(full([batch, slots], -1), 'i32'),
    count: zeros([batch], 'i32'),
    ...(config.pageSize !== undefined && { table: add(iota([batch, slots / config.pageSize], 1), 0) }),
  };
}

/** Bytes of {@link emptyRows}. */
export function rowCacheBytes(config: RowCacheConfig, site: Site): number {
  const slots = slotsOf(config, site);
  const pages = config.pageSize === undefined ? 0 : slots / config.pageSize;
  return 4 * site.batch * (slots * config.width + slots + 1 + pages);
}

/** Where the rows of slots are, i32 of the same shape; −1 stays. */
function placeOf({ table, positions }: RowCache, slots: Tensor): Tensor {
  if (!table) return slots;
  const pageSize = positions.shape[1]! / table.shape[1]!;
  const slot = maximum(slots, 0);
  const place = add(mul(gather(table, div(slot, pageSize), { batchDims: 1 }), pageSize), rem(slot, pageSize));
  return where(greaterEqual(slots, 0), place, -1);
}

/** What one step writes. */
export interface RowWrite {
  /** `[B, n, W]` */
  readonly rows: Tensor;
  readonly positions: Tensor;
  readonly starts: Tensor;
  readonly lengths: Tensor;
}

/** The cache with the rows of a step, and the slot of each of them `[B, n]` (−1: it does not count). */
export function appendRows(
  cache: RowCache,
  policy: CachePolicy,
  { rows, positions, starts, lengths }: RowWrite,
): { readonly cache: RowCache; readonly slots: Tensor } {
  const n = rows.shape[1]!;
  const entry = add(expandDims(cache.count, 1), sub(expandDims(iota([n]), 0), expandDims(starts, 1)));
  const slots = where(validEntries({ starts, lengths }, n), policy.slotOf(entry, cache.rows.shape[1]!), -1);
  return {
    cache: {
      ...cache,
      rows: scatterSet(cache.rows, placeOf(cache, slots), rows, { batchDims: 1 }),
      positions: scatterSet(cache.positions, slots, positions, { batchDims: 1 }),
      count: add(cache.count, lengths),
    },
    slots,
  };
}

/** What a commit keeps. */
export interface RowCommit {
  readonly path: Tensor;
  readonly count: Tensor;
  readonly starts: Tensor;
  /** Entries that the step was given. */
  readonly n: number;
}

/** Moves the rows of the accepted path into consecutive slots and forgets the other rows of the step. */
export function commitRows(
  before: Pick<RowCache, 'count'>,
  after: RowCache,
  policy: CachePolicy,
  { path, count, starts, n }: RowCommit,
): RowCache {
  const capacity = after.rows.shape[1]!;
  const base = expandDims(before.count, 1);
  const from = policy.slotOf(add(base, sub(path, expandDims(starts, 1))), capacity);
  const step = expandDims(iota([path.shape[1]!]), 0);
  const to = where(less(step, expandDims(count, 1)), policy.slotOf(add(base, step), capacity), -1);
  const node = expandDims(iota([n]), 0);
  const written = where(
    less(node, expandDims(sub(after.count, before.count), 1)),
    policy.slotOf(add(base, node), capacity),
    -1,
  );
  const forgotten = scatterSet(after.positions, written, cast(full(written.shape, -1), 'i32'), { batchDims: 1 });
  return {
    ...after,
    rows: scatterSet(after.rows, placeOf(after, to), pickRows(after.rows, placeOf(after, from)), { batchDims: 1 }),
    positions: scatterSet(forgotten, to, pickRows(after.positions, from), { batchDims: 1 }),
    count: add(before.count, count),
  };
}
