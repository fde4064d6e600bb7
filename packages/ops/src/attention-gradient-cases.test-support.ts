import { fromHost } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import { attention } from './attention.ts';
import type { AttentionCall } from './attention.ts';
import { dropout } from './dropout.ts';
import { chosen, counted } from './gradient-cases.test-support.ts';
import { draws } from './gradient-check.test-support.ts';
import type { GradientCase } from './gradient-check.test-support.ts';

interface AttentionCase extends Partial<Pick<AttentionCall, 'scale' | 'causal' | 'window' | 'softCap'>> {
  /** Queries and slots. */
  readonly n: number;
  readonly S: number;
  readonly B?: number;
  readonly H?: number;
  readonly G?: number;
  readonly K?: number;
  readonly V?: number;
  readonly queryPositions?: (place: number) => number;
  readonly keyPositions?: (place: number) => number;
  readonly mask?: (place: number) => boolean;
  /** Probability that a weight is dropped. */
  readonly drop?: number;
  /** Slots that queries of their own meet. */
  readonly pinned?: number;
  /** True: each head has the logit of a sink. */
  readonly sinks?: boolean;
}

const key = fromHost(Uint32Array.of(7, 9), [2], 'u32');

function attentionCase(name: string, one: AttentionCase): GradientCase {
  const { n, S, B = 2, H = 2, G = H, K = 4, V = 3, mask, drop, pinned, sinks, ...rest } = one;
  const {
    queryPositions = (place) => Math.max(0, S - n) + (n === 0 ? 0 : place % n),
    keyPositions = (place) => place % S,
    ...options
  } = rest;
  const inputs: Tensor[] = [
    draws([B, n, H, K], 1, -2, 2),
    draws([B, S, G, K], 2, -2, 2),
    draws([B, S, G, V], 3),
    counted([B, n], queryPositions),
    counted([B, S], keyPositions),
    ...(pinned === undefined ? [] : [draws([B, n, H, K], 4, -2, 2)]),
    ...(sinks ? [draws([H], 5, -2, 2)] : []),
    ...(mask ? [chosen([B, n, S], mask)] : []),
    ...(drop === undefined ? [] : [key]),
  ];
  return {
    name: `attention ${name}: ${n} queries over ${S} slots`,
    inputs,
    build: (q, k, v, own, slots, ...others) => [
      attention({
        q: q!,
        k: k!,
        v: v!,
        queryPositions: own!,
        keyPositions: slots!,
        ...(pinned !== undefined && { pinned: { slots: pinned, q: others.shift()! } }),
        ...(sinks && { sinkLogits: others.shift()! }),
        ...(mask && { mask: others.shift()! }),
        ...(drop !== undefined && { dropout: { probability: drop, key: others.shift()! } }),
        ...options,
      }),
    ],
  };
}

/** Attention with each of its options. */
export const attentionCases: readonly GradientCase[] = [
  attentionCase('of one', { n: 1, S: 1 }),
  attentionCase('of a step', { n: 1, S: 65 }),
  attentionCase('of an even square', { n: 63, S: 63, B: 1 }),
  attentionCase('of a prompt', { n: 65, S: 65, B: 1, H: 1 }),
  attentionCase('with more slots than queries', { n: 33, S: 65, B: 1, H: 2, G: 1 }),
  attentionCase('of none', { n: 0, S: 4 }),
  attentionCase('over none', { n: 3, S: 0 }),
  attentionCase('both ways', { n: 4, S: 6, causal: false }),
  attentionCase('with grouped heads', { n: 3, S: 7, H: 6, G: 2 }),
  attentionCase('with one group', { n: 34, S: 36, H: 4, G: 1, B: 1 }),
  attentionCase('of single elements', { n: 5, S: 5, H: 1, K: 1, V: 1 }),
  attentionCase('with odd heads', { n: 2, S: 5, H: 3, K: 5, V: 7 }),
  attentionCase('with dropout, grouped heads', { n: 4, S: 6, H: 4, G: 2, drop: 0.3 }),
  attentionCase('with dropout, masked', { n: 3, S: 5, drop: 0.5, mask: (place) => place % 4 !== 1 }),
  ...[0, 0.4, 1].map((probability): GradientCase => ({
    name: `dropout of ${probability}`,
    inputs: [draws([3, 7]), key],
    build: (x, own) => [dropout(x!, { probability, key: own! })],
  })),
  ...[1, 3, 100].flatMap((window) => [
    attentionCase(`in a window of ${window}`, { n: 5, S: 9, window }),
    attentionCase(`in a window of ${window} both ways`, { n: 34, S: 9, B: 1, window, causal: false }),
  ]),
  attentionCase('with a soft cap', { n: 4, S: 9, softCap: 1.5 }),
  attentionCase('with a soft cap, a scale, a window and groups', {
    n: 6,
    S: 9,
    H: 4,
    G: 2,
    softCap: 3,
    scale: -0.9,
    window: 4,
  }),
  attentionCase('under a mask, a query that sees nothing', {
    n: 5,
    S: 7,
    mask: (place) => Math.floor(place / 7) % 5 !== 2 && place % 3 !== 0,
  }),
  attentionCase('under a mask both ways in a window', {
    n: 33,
    S: 7,
    B: 1,
    causal: false,
    window: 30,
    mask: (place) => place % 4 !== 1,
  }),
  attentionCase('over slots in any order, empty ones among them', {
    n: 4,
    S: 8,
    keyPositions: (place) => (place % 3 === 1 ? -1 : (place * 5) % 8),
    window: 6,
  }),
  attentionCase('with logits of sinks, the gradient of which db_h is', { n: 5, S: 9, H: 4, G: 2, sinks: true }),
  attentionCase('with logits of sinks, a window, a soft cap and a mask', {
    n: 34,
    S: 36,
    B: 1,
    sinks: true,
    window: 6,
    softCap: 3,
    mask: (place) => place % 4 !== 1,
  }),
  attentionCase('with pinned slots', { n: 5, S: 9, H: 4, G: 2, pinned: 2, window: 3 }),
  attentionCase('with pinned slots and logits of sinks', { n: 3, S: 6, pinned: 4, sinks: true, window: 2 }),
  attentionCase('over empty slots', { n: 3, S: 5, keyPositions: () => -1 }),
  attentionCase('of rows at other positions', { n: 3, S: 6, queryPositions: (place) => [0, 1, 2, 7, 3, 3][place]! }),
];
