import { attention, latentAttention } from '@tessera/ops';
import { fromHost, greater, pullBack } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import { draws } from './compare.test-support.ts';
import type { GraphCase } from './graph-case.test-support.ts';

const counted = (B: number, n: number, value: (i: number) => number): Tensor =>
  fromHost(
    Int32Array.from({ length: B * n }, (_, i) => value(i % n)),
    [B, n],
  );

interface SinkOptions {
  readonly pinned?: number;
  readonly sinks?: boolean;
  readonly masked?: boolean;
  readonly window?: number;
  readonly page?: number;
}

/** Attention with slots that stay and with logits of sinks: few queries, a split cache, many queries, and a mask. */
export const sinkCases: readonly GraphCase[] = [
  ...(
    [
      [1, 70, { pinned: 4, window: 20 }],
      [1, 70, { sinks: true }],
      [3, 300, { pinned: 3, sinks: true, window: 150 }],
      [5, 40, { pinned: 2, sinks: true, masked: true, window: 9 }],
      [20, 90, { pinned: 4, window: 30 }],
      [40, 100, { pinned: 33, sinks: true, window: 30 }],
      [70, 130, { sinks: true, window: 40 }],
      [9, 40, { pinned: 40, masked: true }],
    ] as const
  ).map(([n, S, given]): GraphCase => {
    const { pinned, sinks, masked, window }: SinkOptions = given;
    return {
      name: `attention of ${n} queries over ${S} slots with ${JSON.stringify(given)}`,
      inputs: [
        draws([2, n, 4, 8]),
        draws([2, S, 2, 8], 2),
        draws([2, S, 2, 8], 3),
        counted(2, n, (i) => S - n + i),
        counted(2, S, (i) => (i % 11 === 3 ? -1 : i)),
        draws([2, n, 4, 8], 4),
        draws([4], 5),
        draws([2, n, S], 6),
      ],
      build: (q, k, v, queryPositions, keyPositions, pinnedQuery, sinkLogits, m) => [
        attention({
          q: q!,
          k: k!,
          v: v!,
          queryPositions: queryPositions!,
          keyPositions: keyPositions!,
          ...(pinned !== undefined && { pinned: { slots: pinned, q: pinnedQuery! } }),
          ...(sinks && { sinkLogits: sinkLogits! }),
          ...(masked && { mask: greater(m!, -0.5) }),
          window,
        }),
      ],
    };
  }),
  ...(
    [
      [1, 70, {}],
      [4, 300, { page: 1, window: 150 }],
      [3, 280, { page: 7, masked: true, window: 30 }],
    ] as const
  ).map(([n, S, given]): GraphCase => {
    const { page, masked, window }: SinkOptions = given;
    return {
      name: `attention of ${n} queries over latents in ${S} slots, 4 of which stay, with ${JSON.stringify(given)}`,
      inputs: [
        draws([2, n, 4, 12]),
        draws([2, S, 20], 2),
        counted(2, n, (i) => S - n + i),
        counted(2, S, (i) => (i % 11 === 3 ? -1 : i)),
        draws([2, n, 4, 12], 4),
        draws([2, n, S], 6),
      ],
      build: (q, rows, queryPositions, keyPositions, pinnedQuery, m) => [
        latentAttention({
          q: q!,
          rows: rows!,
          groups: 2,
          sharedDim: 4,
          queryPositions: queryPositions!,
          keyPositions: keyPositions!,
          pinned: { slots: 4, q: pinnedQuery! },
          ...(page !== undefined && {
            pageSize: page,
            table: counted(2, S / page, (i) => (i * 3 + 2) % (S / page)),
          }),
          ...(masked && { mask: greater(m!, -0.5) }),
          window,
          scale: 12 ** -0.5,
        }),
      ],
    };
  }),
  ...(
    [
      [5, 20, { masked: true }],
      [66, 70, { window: 30 }],
    ] as const
  ).map(([n, S, given]): GraphCase => {
    const { masked, window }: SinkOptions = given;
    return {
      name: `gradient of attention of ${n} queries over ${S} slots with logits of sinks`,
      inputs: [
        draws([2, n, 4, 8]),
        draws([2, S, 2, 8], 2),
        draws([2, S, 2, 8], 3),
        counted(2, n, (i) => S - n + i),
        counted(2, S, (i) => i),
        draws([4], 5),
        draws([2, n, 4, 8], 4),
        draws([2, n, S], 6),
      ],
      build: (q, k, v, queryPositions, keyPositions, sinkLogits, d, m) => {
        const o = attention({
          q: q!,
          k: k!,
          v: v!,
          queryPositions: queryPositions!,
          keyPositions: keyPositions!,
          sinkLogits: sinkLogits!,
          ...(masked && { mask: greater(m!, -0.5) }),
          window,
        });
        return pullBack([o], [d!], [q!, k!, v!, sinkLogits!]) as Tensor[];
      },
    };
  }),
];
