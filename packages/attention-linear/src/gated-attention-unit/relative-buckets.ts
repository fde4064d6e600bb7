import type { Tensor } from '@tessera/tensor-core';
import { fromHost, gather, mul, reshape } from '@tessera/tensor-core';
import type { SettingIssue } from '../layer/checked.ts';

/** Buckets of distances: the near ones by themselves, the far ones together, more of them the farther they are. */
export interface RelativeBuckets {
  readonly buckets: number;
  /** From here on all distances are in the last bucket. */
  readonly maxDistance: number;
}

/** Refuses fewer buckets than there are sides and kinds of distances, and a largest distance that has a bucket by itself. */
export function checkBuckets({ buckets, maxDistance }: RelativeBuckets, bothWays: boolean): SettingIssue | undefined {
  const least = bothWays ? 4 : 2;
  if (buckets < least)
    return {
      setting: 'relative',
      message: `has ${buckets} buckets, expected at least ${least}; set buckets: ${least}`,
    };
  const exact = Math.floor((bothWays ? Math.floor(buckets / 2) : buckets) / 2);
  if (maxDistance <= exact)
    return {
      setting: 'relative',
      message: `has maxDistance ${maxDistance}, expected more than ${exact}, which has a bucket by itself; set maxDistance: ${exact + 1} or more`,
    };
  return undefined;
}

/**
 * The bucket of a key that stands `distance` before its query (negative: behind it), as T5 has it. With `bothWays` half of the buckets
 * are for keys behind.
 * @see Raffel et al. 2020, arXiv:1910.10683, section 2.1
 */
export function bucketOf(distance: number, { buckets, maxDistance }: RelativeBuckets, bothWays = false): number {
  const side = bothWays ? Math.floor(buckets / 2) : buckets;
  const first = bothWays && distance < 0 ? side : 0;
  const far = bothWays ? Math.abs(distance) : Math.max(distance, 0);
  const exact = Math.floor(side / 2);
  if (far < exact) return first + far;
  // In single precision, as the published tables are made: buckets end where their logarithms do.
  const share = Math.fround(
    Math.fround(Math.log(Math.fround(far / exact))) / Math.fround(Math.log(maxDistance / exact)),
  );
  return first + Math.min(exact + Math.trunc(Math.fround(share * (side - exact))), side - 1);
}

/** Bias of each distance 0 … count − 1, `[count]`, from that of each bucket, `[buckets, 1]`. */
export function biasByDistance(weight: Tensor, count: number, buckets: RelativeBuckets, scale: number): Tensor {
  const index = Int32Array.from({ length: count }, (_, distance) => bucketOf(distance, buckets));
  return mul(reshape(gather(weight, fromHost(index, [count])), [count]), scale);
}
