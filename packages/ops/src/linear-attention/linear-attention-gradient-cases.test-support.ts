import type { Tensor } from '@tessera/tensor-core';
import { fromHost } from '@tessera/tensor-core';
import { ancestors } from '../ancestors.ts';
import type { GradientCase } from '../gradient-check.test-support.ts';
import { draws } from '../gradient-check.test-support.ts';
import type { LinearAttentionCall, LinearAttentionVariant } from './linear-attention-call.ts';
import { operandsOf } from './linear-attention-call.ts';
import { nameOf, variants } from './linear-attention-cases.test-support.ts';
import { linearAttentionChunked } from './linear-attention-chunked.ts';
import { linearAttentionRecurrent, linearAttentionStates } from './linear-attention-recurrent.ts';
import { commitPath, linearAttentionTree } from './linear-attention-tree.ts';

interface Sizes {
  readonly T: number;
  readonly B?: number;
  readonly P?: number;
  readonly H?: number;
  readonly K?: number;
  readonly V?: number;
}

type Form = readonly [string, (call: LinearAttentionCall) => Readonly<Record<string, Tensor>>];

function inputs({ T, B = 1, P = 2, H = P, K = 3, V = 2 }: Sizes, { decay, delta }: LinearAttentionVariant): Tensor[] {
  return [
    draws([B, T, P, K]),
    draws([B, T, P, K], 2, -0.6, 0.6),
    draws([B, T, H, V], 3),
    draws([B, H, K, V], 6),
    ...(decay === 'none' ? [] : [draws(decay === 'scalar' ? [B, T, H] : [B, T, H, K], 4, -1, 0)]),
    ...(delta ? [draws([B, T, H], 5, 0, 1)] : []),
  ];
}

function casesOf(sizes: Sizes, variant: LinearAttentionVariant): GradientCase[] {
  // A whole chunk is computed however few entries there are.
  const forms: Form[] = [
    ['step by step', (call) => ({ ...linearAttentionRecurrent(call) })],
    ['with every state', (call) => ({ ...linearAttentionStates(call) })],
    ...[4, sizes.T > 60 ? 64 : 16].map((chunk): Form => [
      `by chunks of ${chunk}`,
      (call) => ({ ...linearAttentionChunked(call, { chunk }) }),
    ]),
  ];
  return forms.map(([name, form]) => ({
    name: `linear attention (${nameOf(variant)}) ${name}, ${Object.entries(sizes).map(([size, value]) => `${size} ${value}`).join(', ')}`, // prettier-ignore
    inputs: inputs(sizes, variant),
    build: (...x) => Object.values(form(operandsOf(x, variant))),
  }));
}

const parents = [-1, 0, 0, 1, 2];

/** Linear attention with a state before it, in each of its variants and forms. */
export const linearAttentionGradientCases: readonly GradientCase[] = [
  ...variants.flatMap((variant) =>
    [{ T: 0 }, { T: 1, B: 2 }, { T: 5, B: 2, P: 1, H: 3 }, { T: 9, K: 1, V: 1 }].flatMap((sizes) =>
      casesOf(sizes, variant),
    ),
  ),
  ...casesOf({ T: 63 }, { decay: 'scalar', delta: true }),
  ...casesOf({ T: 65, P: 1 }, { decay: 'vector', delta: true }),
  ...casesOf({ T: 35, P: 1, H: 2 }, { decay: 'vector', delta: false }),
  ...variants.map((variant): GradientCase => ({
    name: `linear attention (${nameOf(variant)}) over a tree, and its commit`,
    inputs: inputs({ T: 5 }, variant),
    build(...x) {
      const call = operandsOf(x, variant);
      const of = (numbers: readonly number[]): Tensor => fromHost(Int32Array.from(numbers), [1, numbers.length]);
      return [
        linearAttentionTree({ ...call, ancestors: ancestors(of(parents)) }),
        commitPath({ ...call, path: of([0, 2, 4]), count: fromHost(Int32Array.of(2), [1]) }),
      ];
    },
  })),
];
