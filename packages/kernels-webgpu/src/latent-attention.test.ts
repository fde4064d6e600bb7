import { latentAttention } from '@tessera/ops';
import { fromHost, greater, read, trace } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import { expect, test } from 'vitest';
import { draws, expectSame, testDevice } from './testing/compare.test-support.ts';
import { limitedDevice } from './testing/limited-device.test-support.ts';

interface Sizes {
  /** Positions that each row of the batch holds, at most S. */
  readonly lengths: readonly number[];
  readonly n: number;
  readonly S: number;
  readonly H: number;
  readonly G: number;
  readonly K: number;
  readonly V: number;
  readonly R: number;
  readonly window?: number;
  readonly pinned?: number;
  readonly masked?: boolean;
  /** Slots of a page; pages that nothing was written to do not exist. */
  readonly page?: number;
}

const cases: readonly (readonly [name: string, sizes: Sizes])[] = [
  [
    'rows of lengths around those of tiles, and one without any',
    { lengths: [0, 1, 63, 64, 65, 1000], n: 1, S: 1000, H: 4, G: 1, K: 8, V: 8, R: 4 },
  ],
  [
    'more rows than a workgroup has, in a tree',
    { lengths: [9, 64, 130], n: 9, S: 130, H: 4, G: 1, K: 60, V: 60, R: 4, masked: true },
  ],
  [
    'one row of each tied head, of pages that are not all there',
    { lengths: [5, 16, 33], n: 1, S: 40, H: 3, G: 3, K: 4, V: 8, R: 4, page: 8 },
  ],
  [
    'slots that stay, outside the window, and the tile that they share with others',
    { lengths: [3, 40, 150], n: 3, S: 150, H: 8, G: 2, K: 32, V: 32, R: 4, window: 20, pinned: 5 },
  ],
  ['one slot', { lengths: [1, 0], n: 1, S: 1, H: 2, G: 1, K: 4, V: 4, R: 4 }],
  ['the widths of DeepSeek-V2', { lengths: [37], n: 1, S: 40, H: 12, G: 1, K: 512, V: 512, R: 64 }],
  ['the widths of tied heads', { lengths: [70], n: 2, S: 72, H: 8, G: 2, K: 64, V: 128, R: 64 }],
];

/** Positions of the queries, the last of what a row holds; a row that holds nothing asks from position 0. */
function queryPositions({ lengths, n }: Sizes): Tensor {
  const positions = lengths.flatMap((length) => Array.from({ length: n }, (_, i) => Math.max(0, length - n + i)));
  return fromHost(Int32Array.from(positions), [lengths.length, n]);
}

function keyPositions({ lengths, S }: Sizes): Tensor {
  const positions = lengths.flatMap((length) => Array.from({ length: S }, (_, s) => (s < length ? s : -1)));
  return fromHost(Int32Array.from(positions), [lengths.length, S]);
}

/** Rows as they may be found: NaN wherever nothing was written. In pages, the pool has them from the last to the first. */
async function poisonedRows(sizes: Sizes): Promise<{ rows: Tensor; table: Tensor | undefined }> {
  const { lengths, S, G, V, R, page } = sizes;
  const [B, width] = [lengths.length, G * V + R];
  const values = (await read(draws([B, S, width], 2))) as Float32Array;
  lengths.forEach((length, b) => values.fill(Number.NaN, (b * S + length) * width, (b + 1) * S * width));
  if (page === undefined) return { rows: fromHost(values, [B, S, width]), table: undefined };
  const [each, pages] = [S / page, (B * S) / page];
  const pool = new Float32Array(values.length);
  for (let number = 0; number < pages; number++)
    pool.set(values.subarray(number * page * width, (number + 1) * page * width), (pages - 1 - number) * page * width);
  const place = (number: number): number =>
    (number % each) * page < lengths[Math.floor(number / each)]! ? pages - 1 - number : -1;
  const table = fromHost(
    Int32Array.from({ length: pages }, (_, number) => place(number)),
    [B, each],
  );
  return { rows: fromHost(pool, [1, B * S, width]), table };
}

test.each(cases)('attention over latents, NaN where nothing was written: %s', async (_, sizes) => {
  const { lengths, n, S, H, G, K, R, window, pinned, masked, page } = sizes;
  const B = lengths.length;
  const { rows, table } = await poisonedRows(sizes);
  const inputs = [
    draws([B, n, H, K + R]),
    rows,
    queryPositions(sizes),
    keyPositions(sizes),
    draws([B, n, S], 5),
    draws([B, n, H, K + R], 4),
    ...(table ? [table] : []),
  ];
  await expectSame(
    (q, cache, asked, held, m, pinnedQuery, pages) => [
      latentAttention({
        q: q!,
        rows: cache!,
        groups: G,
        sharedDim: R,
        queryPositions: asked!,
        keyPositions: held!,
        ...(pages && { table: pages, pageSize: page }),
        ...(masked && { mask: greater(m!, -0.5) }),
        ...(pinned !== undefined && { pinned: { slots: pinned, q: pinnedQuery! } }),
        ...(window !== undefined && { window }),
        scale: 4 * (K + R) ** -0.5,
      }),
    ],
    inputs,
  );
});

test('with the limits that every device has, fewer slots at a time give the same', async () => {
  const [S, H, V, R] = [30, 9, 512, 64];
  const positions = fromHost(
    Int32Array.from({ length: S }, (_, s) => s),
    [1, S],
  );
  const inputs = [draws([1, 1, H, V + R]), draws([1, S, V + R], 2), fromHost(Int32Array.of(S - 1), [1, 1]), positions];
  const graph = trace(
    (q, rows, queryPositions, keyPositions) => [
      latentAttention({
        q: q!,
        rows: rows!,
        sharedDim: R,
        queryPositions: queryPositions!,
        keyPositions: keyPositions!,
        scale: 0.2,
      }),
    ],
    inputs,
  );
  const [usual, least] = [await testDevice(), await limitedDevice({ maxComputeWorkgroupStorageSize: 16_384 })];
  const outputs: number[][] = [];
  for (const device of [usual, least]) {
    const program = await device.compile(graph);
    const [o] = program.run(inputs);
    outputs.push(Array.from(await device.read(o!)));
    o!.dispose();
    program.dispose();
  }
  const [wide, narrow] = outputs as [number[], number[]];
  narrow.forEach((value, at) => expect(Math.abs(value - wide[at]!)).toBeLessThan(1e-5));
  least.dispose();
});
