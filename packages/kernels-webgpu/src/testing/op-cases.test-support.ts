import {
  ancestors,
  attention,
  linearAttentionChunked,
  linearAttentionRecurrent,
  linearAttentionStates,
  linearAttentionTree,
  gatedRmsNorm,
  l2Normalize,
  latentAttention,
  layerNorm,
  rmsNorm,
  rotary,
  rotaryAngles,
  rotaryFrequencies,
  rotaryTables,
  shortConvolutions,
  unitLowerInverse,
} from '@tessera/ops';
import type { LinearAttentionCall } from '@tessera/ops';
import { abs, fromHost, greater, pullBack, mul, neg, sigmoid } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import { draws } from './compare.test-support.ts';
import type { GraphCase } from './graph-case.test-support.ts';

const counted = (B: number, n: number, value: (i: number) => number): Tensor =>
  fromHost(
    Int32Array.from({ length: B * n }, (_, i) => value(i % n)),
    [B, n],
  );

const tables = rotaryTables(rotaryFrequencies(8, 10_000, { type: 'default' }));

/** Operands of linear attention: of the delta rule with a decay of each head, or added values with a decay of each element of a key. */
const linearAttentionInputs = [
  draws([2, 9, 2, 4]),
  draws([2, 9, 2, 4], 2),
  draws([2, 9, 2, 6], 3),
  draws([2, 2, 4, 6], 6),
  draws([2, 9, 2], 4),
  draws([2, 9, 2], 5),
  draws([2, 9, 2, 4], 7),
];

/** Both calls: keys of length 1, log decays up to 0, and β in (0, 1). */
function linearAttentionCalls(inputs: readonly Tensor[]): LinearAttentionCall[] {
  const [q, k, v, S, g, beta, perKey] = inputs as readonly [Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor];
  const shared = { q, k: l2Normalize(k), v, S };
  return [
    { ...shared, g: neg(abs(g)), beta: sigmoid(beta) },
    { ...shared, g: neg(abs(perKey)) },
  ];
}

/** Of attention over latents: slots of a page, and whether each row of the batch has pages of its own. */
interface LatentOptions {
  readonly page?: number;
  readonly own?: boolean;
  readonly window?: number;
  readonly masked?: boolean;
}

/** Graphs of the ops of `@tessera/ops`, each with a kernel where it has one. */
export const opCases: readonly GraphCase[] = [
  ...(
    [
      [1, 70, 4, 2, 8, 8, {}],
      [3, 300, 4, 1, 16, 12, { window: 9 }],
      // Four, two and one invocations to a key; more workgroups than are few; a part that reads twice; heads of odd sizes.
      [1, 63, 8, 1, 64, 64, {}],
      [1, 2049, 2, 1, 16, 12, {}],
      [2, 8300, 2, 1, 16, 12, { window: 5000 }],
      [1, 65, 70, 70, 8, 8, {}],
      [4, 129, 8, 1, 20, 512, {}],
      [3, 257, 6, 2, 24, 40, { softCap: 3 }],
      [33, 65, 4, 2, 8, 16, {}],
      [9, 40, 2, 1, 4, 8, { causal: false, window: 20 }],
      [65, 130, 2, 1, 20, 68, { softCap: 2 }],
      [40, 65, 2, 2, 4, 256, { causal: false, window: 20 }],
    ] as const
  ).map(([n, S, H, G, K, V, options]): GraphCase => ({
    name: `attention of ${n} queries over ${S} slots: its kernel is its definition`,
    inputs: [
      draws([2, n, H, K]),
      draws([2, S, G, K], 2),
      draws([2, S, G, V], 3),
      counted(2, n, (i) => S - n + i),
      counted(2, S, (i) => (i % 11 === 3 ? -1 : i)),
    ],
    build: (q, k, v, queryPositions, keyPositions) => [
      attention({ q: q!, k: k!, v: v!, queryPositions: queryPositions!, keyPositions: keyPositions!, ...options }),
    ],
  })),
  ...(
    [
      ['one latent for all heads', 1, 70, 4, 1, 16, 16, 4, {}],
      ['two latents, rows split over the cache, in pages of 1', 4, 300, 6, 2, 8, 8, 4, { page: 1, window: 150 }],
      [
        'keys that are a part of values, in own pages of 7, under a mask',
        3,
        280,
        4,
        2,
        4,
        12,
        8,
        { page: 7, own: true, masked: true },
      ],
      ['more queries than a step has, no shared key', 20, 40, 2, 1, 8, 8, 0, { page: 20 }],
      ['many parts of a long cache, more values than are joined at once', 1, 9000, 2, 1, 68, 68, 4, { page: 25 }],
      ['widths that are not four at a time', 1, 9, 2, 1, 6, 6, 2, { page: 3 }],
    ] as const
  ).map(([name, n, S, H, G, K, V, R, options]): GraphCase => {
    const { page = S, window, masked, own = page === S }: LatentOptions = options;
    const pages = own ? S / page : S / page + 2;
    return {
      name: `attention over latents: ${name}`,
      inputs: [
        draws([2, n, H, K + R]),
        draws([own ? 2 : 1, pages * page, G * V + R], 2),
        counted(2, n, (i) => S - n + i),
        counted(2, S, (i) => (i % 11 === 3 ? -1 : i)),
        draws([2, n, S], 5),
      ],
      build: (q, rows, queryPositions, keyPositions, m) => [
        latentAttention({
          q: q!,
          rows: rows!,
          groups: G,
          sharedDim: R,
          queryPositions: queryPositions!,
          keyPositions: keyPositions!,
          // Pages out of order, some of them shared by both rows of the batch.
          ...(page < S && { pageSize: page, table: counted(2, S / page, (i) => (i * 3 + 2) % pages) }),
          ...(masked && { mask: greater(m!, -0.5) }),
          ...(window !== undefined && { window }),
          scale: (K + R) ** -0.5,
        }),
      ],
    };
  }),
  ...(
    [
      [1, 70, 4, 2, 8, 12, {}],
      [65, 130, 4, 2, 20, 68, { softCap: 2 }],
      [9, 40, 2, 1, 4, 8, { causal: false, window: 20 }],
      [33, 65, 2, 2, 8, 16, { window: 9 }],
    ] as const
  ).map(([n, S, H, G, K, V, options]): GraphCase => ({
    name: `gradient of attention of ${n} queries over ${S} slots`,
    inputs: [
      draws([2, n, H, K]),
      draws([2, S, G, K], 2),
      draws([2, S, G, V], 3),
      counted(2, n, (i) => S - n + i),
      counted(2, S, (i) => (i % 11 === 3 ? -1 : i)),
      draws([2, n, H, V], 4),
      draws([2, n, S], 5),
    ],
    build: (q, k, v, queryPositions, keyPositions, d, m) =>
      [undefined, greater(m!, -0.5)].flatMap((mask) => {
        const o = attention({
          q: q!,
          k: k!,
          v: v!,
          queryPositions: queryPositions!,
          keyPositions: keyPositions!,
          ...(mask && { mask }),
          ...options,
        });
        return pullBack([o], [d!], [q!, k!, v!]) as Tensor[];
      }),
  })),
  ...[5, 40].map((n): GraphCase => ({
    name: `attention with a mask of ${n} queries, some of which see nothing`,
    inputs: [
      draws([2, n, 2, 4]),
      draws([2, 30, 2, 4], 2),
      draws([2, 30, 2, 4], 3),
      counted(2, n, (i) => 4 * i - 3),
      counted(2, 30, (i) => i),
      draws([2, n, 30], 4),
    ],
    build: (q, k, v, queryPositions, keyPositions, m) => [
      attention({
        q: q!,
        k: k!,
        v: v!,
        queryPositions: queryPositions!,
        keyPositions: keyPositions!,
        mask: greater(m!, 0),
      }),
    ],
  })),
  ...[1, 63, 65, 600, 2305, 9000].map((n): GraphCase => ({
    name: `norms over ${n} elements`,
    inputs: [draws([3, n > 1000 ? 1 : 7, n]), draws([n], 2), draws([n], 3)],
    build: (x, w, b) => [rmsNorm(x!, w!, { eps: 1e-6, offset: 1 }), layerNorm(x!, w!, b!, { eps: 1e-5 })],
  })),
  {
    name: 'rotary positions, far and in both orders',
    inputs: [draws([1, 5, 2, 10]), counted(1, 5, (i) => i * 200_003)],
    build: (x, positions) =>
      (['half', 'interleaved'] as const).map((order) => rotary(x!, rotaryAngles(tables, positions!), order)),
  },
  {
    name: 'linear attention, step by step',
    inputs: linearAttentionInputs,
    build: (...x) => linearAttentionCalls(x).flatMap((call) => Object.values(linearAttentionRecurrent(call))),
  },
  {
    name: 'linear attention with the state after each entry',
    inputs: linearAttentionInputs,
    build: (...x) => linearAttentionCalls(x).flatMap((call) => Object.values(linearAttentionStates(call))),
  },
  {
    name: 'linear attention, by chunks',
    inputs: linearAttentionInputs,
    build: (...x) =>
      linearAttentionCalls(x).flatMap((call) => Object.values(linearAttentionChunked(call, { chunk: 4 }))),
  },
  {
    name: 'linear attention over a tree',
    inputs: linearAttentionInputs,
    build: (...x) => {
      const parents = counted(2, 9, (i) => [-1, 0, 0, 1, 1, 2, 3, 6, 5][i]!);
      return linearAttentionCalls(x).map((call) => linearAttentionTree({ ...call, ancestors: ancestors(parents) }));
    },
  },
  {
    name: 'inverses of unit lower triangular matrices',
    inputs: [draws([3, 2, 5, 5]), draws([1, 1], 2), draws([33, 33], 3)],
    build: (...L) => L.map((one) => unitLowerInverse(mul(one, 0.25))),
  },
  {
    name: 'short convolutions of three streams, and a gated norm',
    inputs: [
      draws([1, 3, 8]),
      draws([1, 3, 8], 2),
      draws([1, 3, 6], 3),
      draws([22, 4], 4),
      draws([1, 3, 22], 5),
      draws([3], 6),
    ],
    build: (q, k, v, weight, history, w) => {
      const normalize = { scale: 0.5, eps: 1e-6 };
      const { y, history: next } = shortConvolutions({
        x: [q!, k!, v!],
        weight: weight!,
        history: history!,
        lengths: fromHost(Int32Array.of(2), [1]),
        activation: 'silu',
        streams: [{ heads: 2, normalize }, { heads: 2, normalize }, { heads: 2 }],
      });
      return [...y, next, gatedRmsNorm(y[2]!, w!, y[2]!, { eps: 1e-5 })];
    },
  },
];
