import type { Tensor } from '@tessera/tensor-core';
import { chosen, counted } from './gradient-cases.test-support.ts';
import { draws } from './gradient-check.test-support.ts';
import type { GradientCase } from './gradient-check.test-support.ts';
import { latentAttention } from './latent-attention.ts';

/** Sizes of a call: G groups of H heads, latents of V, keys of K of their elements and R of the shared one. */
interface LatentCase {
  readonly name: string;
  readonly B?: number;
  readonly n: number;
  readonly S: number;
  readonly H: number;
  readonly G: number;
  readonly K: number;
  readonly V: number;
  readonly R: number;
  readonly window?: number;
  /** Slots of a page; pages lie in reverse, and the last of a row is shared with the next row. */
  readonly page?: number;
  readonly masked?: boolean;
}

/** What all kinds of calls have in common with some of the cases. */
const latentCases: readonly LatentCase[] = [
  { name: 'one latent, as MLA', n: 2, S: 9, H: 4, G: 1, K: 8, V: 8, R: 4 },
  { name: 'two latents, as GLA, in pages of 4', n: 3, S: 12, H: 4, G: 2, K: 4, V: 4, R: 4, page: 4 },
  { name: 'a key of a part of the latent, as GTA', B: 1, n: 1, S: 5, H: 4, G: 2, K: 4, V: 8, R: 4 },
  {
    name: 'no shared key, in pages of 1, under a mask',
    n: 2,
    S: 6,
    H: 2,
    G: 1,
    K: 4,
    V: 4,
    R: 0,
    page: 1,
    masked: true,
  },
  { name: 'the shared key alone, in a window', n: 4, S: 6, H: 2, G: 1, K: 0, V: 4, R: 4, window: 3 },
];

/** Operands of a case in the order of {@link latentCall}. */
function latentOperands({ B = 2, n, S, H, G, K, V, R, page, masked }: LatentCase): Tensor[] {
  const width = G * V + R;
  const pages = S / (page ?? S);
  const distinct = B * pages - (B > 1 ? 1 : 0);
  return [
    draws([B, n, H, K + R], 1, -2, 2),
    page === undefined ? draws([B, S, width], 2, -2, 2) : draws([1, distinct * page, width], 2, -2, 2),
    counted([B, n], (place) => S - n + (place % n)),
    counted([B, S], (place) => (place % S === S - 1 ? -1 : place % S)),
    ...(page === undefined ? [] : [counted([B, pages], (place) => Math.max(0, distinct - 1 - place))]),
    ...(masked ? [chosen([B, n, S], (place) => place % 3 !== 1)] : []),
  ];
}

/** The call of a case. */
function latentCall({ G, K, R, window, page, masked }: LatentCase, operands: readonly (Tensor | undefined)[]): Tensor {
  const [q, rows, queryPositions, keyPositions, ...rest] = operands as Tensor[];
  return latentAttention({
    q: q!,
    rows: rows!,
    groups: G,
    sharedDim: R,
    queryPositions: queryPositions!,
    keyPositions: keyPositions!,
    ...(page !== undefined && { table: rest[0]!, pageSize: page }),
    ...(masked && { mask: rest.at(-1)! }),
    scale: (K + R) ** -0.5,
    ...(window !== undefined && { window }),
  });
}

/** Attention over latents, to be differentiated. */
export const latentAttentionCases: readonly GradientCase[] = latentCases.map((one): GradientCase => ({
  name: `attention over latents: ${one.name}`,
  inputs: latentOperands(one),
  build: (...operands) => [latentCall(one, operands)],
}));
