import type { GpuCapabilities } from '@tessera/tensor-core';
import { gpuLimit } from '@tessera/tensor-core';
import type { Sizes } from './attention.wgsl.ts';
import { mostJoinedParts } from './join-parts.wgsl.ts';

/** Sizes of a call, with R of the shared key. */
export interface LatentSizes extends Sizes {
  readonly R: number;
}

/** Invocations of a workgroup. */
export const lanes = 256;
/**
 * Rows and slots whose scores an invocation computes at once: each vector it reads of one side meets four of the other. Eight rows would
 * read less and take more registers.
 */
const mostScoreRows = 4;
export const scoreSlots = 4;
/** Vectors of each row that an invocation sums up: with eight rows 64 numbers in registers, which leave room for two workgroups. */
export const sumQuads = 2;
/** Rows of a workgroup, at most: a bit each says which of them see a slot. */
const mostRows = 32;
/** Four for each multiprocessor of a large GPU, in whole waves whether two, one or four of them run at once. */
const manyWorkgroups = 528;

/** Bytes of the cache that are worth a workgroup, whose sums are written and read again. */
const worthwhile = 24_576;

/** How the work is divided. */
export interface LatentLayout {
  /** Rows (a query of a head each) of one latent that a workgroup computes, and how many such blocks there are. */
  readonly rows: number;
  readonly blocks: number;
  /** Rows whose sums an invocation has. */
  readonly together: number;
  /** Slots that are in workgroup memory at a time. */
  readonly slots: number;
  /** Rows of a block of scores that an invocation computes. */
  readonly scoreRows: number;
  /** Rows of its block whose scores an invocation hands over at a time. */
  readonly strips: number;
  /** Parts of the cache, and the tiles of `slots` slots of each. */
  readonly parts: number;
  readonly tiles: number;
}

/** Vectors that a workgroup reads of a slot: its latent and the shared key. */
export function slotQuads({ V, R }: LatentSizes): number {
  return (V + R) / 4;
}

/** Vectors from one slot to the next in workgroup memory: an odd number, so that slots begin in different banks. */
export function lineQuads(sizes: LatentSizes): number {
  return 2 * Math.floor(slotQuads(sizes) / 2) + 1;
}

/** Invocations side by side that have the sums of one row. */
export function sumColumns({ V }: LatentSizes): number {
  return Math.ceil(V / 4 / sumQuads);
}

/** Bytes of workgroup memory of a call. */
function sharedBytes(sizes: LatentSizes, { rows, slots, strips }: Omit<LatentLayout, 'parts' | 'tiles'>): number {
  const tile = 16 * slots * lineQuads(sizes);
  const handedOver = 16 * lanes * strips;
  const weights = 4 * slots * rows;
  return tile + handedOver + weights + 4 * (2 * slots + 3 * rows) + 16;
}

/**
 * How a call is divided: rows as evenly as blocks of up to 32 allow, and as many slots a tile as workgroup memory takes. Undefined: not
 * even four slots fit.
 */
export function latentLayout(sizes: LatentSizes, capabilities: GpuCapabilities): LatentLayout | undefined {
  const { B, n, H, G, S } = sizes;
  const all = (n * H) / G;
  const together = all <= 4 ? 4 : 8;
  const most = Math.min(mostRows, together * Math.floor(lanes / sumColumns(sizes)));
  if (most === 0) return undefined;
  const blocks = Math.ceil(all / most);
  const rows = Math.ceil(all / blocks / together) * together;
  for (const slots of [64, 32, 16, 8, 4])
    for (const strips of [2, 1]) {
      const layout = {
        rows,
        blocks: Math.ceil(all / rows),
        together,
        slots,
        scoreRows: Math.min(mostScoreRows, together),
        strips,
      };
      if (slots > scoreSlots && slots >= 2 * S) continue;
      if (sharedBytes(sizes, layout) > gpuLimit(capabilities, 'maxComputeWorkgroupStorageSize')) continue;
      const tiles = Math.ceil(S / slots);
      const parts = Math.min(mostJoinedParts, Math.ceil(manyWorkgroups / (B * G * layout.blocks)));
      const least = Math.ceil(worthwhile / (16 * slots * slotQuads(sizes)));
      const each = Math.min(tiles, Math.max(least, Math.ceil(tiles / parts)));
      return { ...layout, tiles: each, parts: Math.ceil(tiles / each) };
    }
  return undefined;
}
