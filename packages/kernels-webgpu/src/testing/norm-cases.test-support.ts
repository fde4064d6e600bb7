import { linear, rmsNorm } from '@tessera/ops';
import { add, cast, fromHost, matmul, mul, reshape, slice, transpose } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import { draws } from './compare.test-support.ts';
import type { GraphCase } from './graph-case.test-support.ts';

/** A graph of a norm and products of its rows, and the dispatches that it takes where those compute the norm. */
export interface NormCase extends GraphCase {
  readonly dispatches: number;
}

const eps = 1e-5;

/** Rows, width, columns. */
const sizes = [
  [1, 64, 5],
  [1, 2048, 130],
  [2, 63, 3],
  [3, 65, 1],
  [4, 1024, 66],
  [4, 512, 9],
  [3, 4, 2],
  [1, 1, 1],
] as const;

const ofSizes = sizes.flatMap(([M, K, N]) =>
  (['f32', 'f16', 'bf16'] as const).map((dtype): NormCase => ({
    name: `a norm of ${M} rows of ${K}, and ${N} columns in ${dtype}`,
    inputs: [draws([1, M, K]), draws([K], 2), draws([N, K], 3)],
    build: (x, p, w) => [linear(rmsNorm(x!, p!, { eps, offset: 1 }), cast(w!, dtype))],
    tolerance: 3e-5,
    dispatches: dtype === 'f32' ? 1 : 2,
  })),
);

/** The queries, keys and values of a layer, its residual and its feed-forward. */
function layer([x, p, q, k, o, p2, gate, up, down]: readonly Tensor[]): readonly Tensor[] {
  const h = rmsNorm(x!, p!, { eps });
  const mixed = mul(linear(h, q!), linear(h, k!));
  const after = add(x!, linear(mixed, o!));
  const n = rmsNorm(after, p2!, { eps });
  const g = linear(n, gate!);
  return [add(after, linear(mul(mul(g, 0.5), linear(n, up!)), down!))];
}

export const normCases: readonly NormCase[] = [
  ...ofSizes,
  {
    name: 'a norm for queries, keys and a gated feed-forward, with residuals',
    inputs: [
      draws([1, 2, 64]),
      draws([64], 2),
      draws([8, 64], 3),
      draws([8, 64], 4),
      draws([64, 8], 5),
      draws([64], 6),
      draws([12, 64], 7),
      draws([12, 64], 8),
      draws([64, 12], 9),
    ],
    build: (...inputs) => layer(inputs),
    dispatches: 4,
  },
  {
    name: 'rows of zeros',
    inputs: [fromHost(new Float32Array(128), [2, 64]), draws([64], 2), draws([5, 64], 3)],
    build: (x, p, w) => [linear(rmsNorm(x!, p!, { eps }), w!)],
    dispatches: 1,
  },
  {
    name: 'the last rows of a norm, and a batch of matrices each',
    inputs: [draws([3, 4, 8]), draws([8], 2), draws([8, 5], 3), draws([3, 8, 5], 4)],
    build: (x, p, w, each) => {
      const h = rmsNorm(x!, p!, { eps });
      return [matmul(slice(h, 1, 2, 4), w!), matmul(h, each!)];
    },
    dispatches: 1,
  },
  {
    name: 'a norm that is given, too',
    inputs: [draws([2, 8]), draws([8], 2), draws([5, 8], 3)],
    build: (x, p, w) => {
      const h = rmsNorm(x!, p!, { eps });
      return [linear(h, w!), h];
    },
    dispatches: 2,
  },
  {
    name: 'a norm of eight rows, one times the other',
    inputs: [draws([8, 1024]), draws([1024], 2), draws([5, 1024], 3), draws([5, 1024], 4)],
    build: (x, p, gate, up) => {
      const h = rmsNorm(x!, p!, { eps });
      return [mul(mul(linear(h, gate!), 0.5), linear(h, up!))];
    },
    dispatches: 1,
  },
  {
    name: 'a norm of eight rows of odd length',
    inputs: [draws([8, 65]), draws([65], 2), draws([9, 65], 3)],
    build: (x, p, w) => [linear(rmsNorm(x!, p!, { eps }), w!)],
    dispatches: 1,
  },
  {
    name: 'a norm of more rows',
    inputs: [draws([9, 64]), draws([64], 2), draws([5, 64], 3)],
    build: (x, p, w) => [linear(rmsNorm(x!, p!, { eps }), w!)],
    dispatches: 2,
  },
  {
    name: 'a norm whose rows are cut',
    inputs: [draws([2, 8]), draws([8], 2), draws([5, 4], 3)],
    build: (x, p, w) => [linear(reshape(rmsNorm(x!, p!, { eps }), [4, 4]), w!)],
    dispatches: 2,
  },
  {
    name: 'a norm that is turned',
    inputs: [draws([2, 8]), draws([8], 2), draws([2, 3], 3)],
    build: (x, p, w) => [matmul(transpose(rmsNorm(x!, p!, { eps })), w!)],
    dispatches: 2,
  },
  {
    name: 'a norm on the right of a product',
    inputs: [draws([2, 8]), draws([8], 2), draws([5, 2], 3)],
    build: (x, p, w) => [matmul(w!, rmsNorm(x!, p!, { eps }))],
    dispatches: 2,
  },
];
