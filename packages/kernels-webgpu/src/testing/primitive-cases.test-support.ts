import * as t from '@tessera/tensor-core';
import { draws } from './compare.test-support.ts';
import type { GraphCase } from './graph-case.test-support.ts';

const wide = 2 ** 14 + 4;

const i32 = (values: t.NestedNumbers): t.Tensor => t.tensor(values, { dtype: 'i32' });

/** `g σ(g) u`, as a feed-forward gates. */
export function gated(x: t.Tensor, gate: t.Tensor, up: t.Tensor): t.Tensor {
  const g = t.matmul(x, t.transpose(gate));
  return t.mul(t.mul(g, t.sigmoid(g)), t.matmul(x, t.transpose(up)));
}

/** Two products of one operand, and one of both. */
export function pairOfProducts(x: t.Tensor, a: t.Tensor, b: t.Tensor): t.Tensor[] {
  const q = t.matmul(x, a);
  const k = t.matmul(x, b);
  return [q, k, t.matmul(t.transpose(q), k)];
}

/** Graphs of the ops of tensor-core. */
export const primitiveCases: readonly GraphCase[] = [
  {
    name: 'elementwise expressions, with broadcasting both ways',
    inputs: [draws([3, 65]), draws([65], 2)],
    build: (a, b) => [t.add(t.mul(t.exp(a!), b!), 1), t.where(t.greater(a!, 0), a!, t.neg(b!)), t.greater(a!, b!)],
  },
  {
    name: 'functions of one number',
    inputs: [draws([130])],
    build: (a) => [
      ...[t.erf, t.sigmoid, t.sign, t.sqrt, t.log, t.floor, t.ceil, t.round, t.abs].map((f) =>
        f(t.add(t.mul(a!, 3), 3.5)),
      ),
      t.tanh(t.mul(a!, 40)),
      t.sigmoid(t.mul(a!, 80)),
      t.pow(t.abs(a!), 1.5),
      t.rsqrt(t.add(t.abs(a!), 0.1)),
    ],
  },
  {
    name: 'integers wrap, divide towards zero and shift with their sign',
    inputs: [i32([-7, 8, 9, -100]), i32([2, 3, -4, 7])],
    build: (a, b) => [
      t.rem(a!, b!),
      t.div(a!, b!),
      t.shiftRight(a!, 2),
      t.shiftLeft(a!, 3),
      t.and(a!, 7),
      t.xor(a!, b!),
      t.cast(a!, 'f32'),
      t.maximum(a!, b!),
      t.mul(a!, 1_000_003),
    ],
  },
  {
    name: 'views of views',
    inputs: [draws([4, 3, 5])],
    build: (a) => [
      t.reshape(t.permute(a!, [2, 0, 1]), [15, 4]),
      t.flip(a!, 1),
      t.slice(a!, 2, 1, 3),
      t.pad(a!, 1, 2, 1, 7),
      t.concat([a!, t.mul(a!, 2), t.slice(a!, 0, 1, 2)], 0),
      t.broadcastTo(t.slice(a!, 1, 0, 1), [4, 3, 5]),
      t.iota([3, 4], 1),
    ],
  },
  ...[1, 63, 65, 300].map((n): GraphCase => ({
    name: `reductions over ${n} elements`,
    inputs: [draws([4, n, 3])],
    build: (a) => [
      t.sum(a!, { axis: 1 }),
      t.max(a!, { axis: [0, 2] }),
      t.min(a!, { axis: 1 }),
      t.argmax(a!, { axis: 1 }),
      t.argmin(a!, { axis: 1 }),
      t.mean(a!),
      t.sum(t.square(a!), { axis: -1, keepDims: true }),
    ],
  })),
  {
    name: 'few tiles of long sums, in parts of the inner axis',
    inputs: [draws([9, 1030]), draws([1030, 20], 2), draws([1030, 20], 3), draws([20], 4)],
    build: (a, b, c, d) => [
      t.matmul(a!, b!),
      t.add(t.matmul(a!, t.cast(c!, 'bf16')), d!),
      t.mul(t.sigmoid(t.matmul(a!, t.mul(b!, 2))), t.matmul(a!, t.mul(c!, 2))),
    ],
  },
  {
    name: 'rows added to by a long index, of every batch its own',
    inputs: [
      draws([2, 9, 40]),
      t.fromHost(
        Int32Array.from({ length: 2 * 130 }, (_, i) => ((i * 7) % 11) - 1),
        [2, 130],
      ),
      draws([2, 130, 40], 2),
    ],
    build: (a, i, u) => [t.scatterAdd(a!, i!, t.mul(u!, 2), { batchDims: 1 })],
  },
  {
    name: 'sums and largest elements of long lines, in parts',
    inputs: [draws([300, 65]), draws([2, 70_001], 2)],
    build: (a, b) => [
      t.sum(t.square(a!), { axis: 0 }),
      t.max(a!, { axis: 0 }),
      t.sum(b!, { axis: 1 }),
      t.min(b!),
      t.sum(b!, { axis: 0 }),
    ],
  },
  ...(
    [
      [1, 64, 65],
      [3, 63, 1],
      [8, 64, 9],
      [65, 63, 65],
      [1, 8, 8193],
      [5, 1032, 7],
      [8, 1024, 2],
    ] as const
  ).map(([M, K, N]): GraphCase => ({
    name: `products of ${M} × ${K} by ${N}, both ways round and over 16 bits`,
    inputs: [draws([M, K]), draws([N, K], 2), draws([K, N], 3)],
    build: (a, b, c) => [
      t.matmul(a!, t.transpose(b!)),
      t.matmul(a!, c!),
      t.matmul(a!, t.transpose(t.cast(b!, 'bf16'))),
      t.matmul(a!, t.cast(c!, 'f16')),
    ],
  })),
  {
    name: 'batches of products of permuted operands',
    inputs: [draws([7, 3, 9]), draws([3, 9, 5], 2)],
    build: (a, b) => [t.matmul(t.permute(a!, [1, 0, 2]), b!), t.matmul(t.permute(a!, [1, 0, 2]), t.slice(b!, 0, 1, 2))],
  },
  {
    name: 'a product ends in the expression that reads it',
    inputs: [draws([2, 3, 64]), draws([65, 64], 2), draws([65], 3), draws([2, 3, 65], 4)],
    build: (x, w, b, r) => [t.add(t.mul(t.sigmoid(t.add(t.matmul(x!, t.transpose(w!)), b!)), 2), r!)],
  },
  ...(
    [
      [1, 64, 65],
      [2, 63, 5],
      [7, 20, 70],
      [3, 520, 13],
    ] as const
  ).map(([M, K, N]): GraphCase => ({
    name: `a gate and what it gates, ${M} × ${K} by ${N}`,
    inputs: [draws([M, K]), draws([N, K], 2), draws([N, K], 3)],
    build: (x, a, b) => [gated(x!, a!, b!)],
  })),
  {
    name: 'independent products side by side, and what depends on them',
    inputs: [draws([3, 20]), draws([20, 5], 2), draws([20, 9], 3)],
    build: (x, a, b) => pairOfProducts(x!, a!, b!),
  },
  {
    name: 'large maps go by sixteen bytes, over every element type',
    inputs: [draws([wide]), draws([wide], 2), draws([1], 3)],
    build: (a, b, s) => [
      t.add(t.mul(a!, b!), s!),
      t.reshape(t.where(t.greater(a!, 0), a!, 1), [4, wide / 4]),
      t.greater(a!, b!),
      t.cast(t.mul(a!, 100), 'i32'),
      t.add(t.cast(t.cast(a!, 'f16'), 'f32'), t.cast(t.cast(draws([wide], 5), 'bf16'), 'f32')),
    ],
  },
  ...(
    [
      [5, 16, 64],
      [70, 20, 68],
      [64, 32, 128],
      [6, 7, 9],
    ] as const
  ).map(([M, K, N]): GraphCase => ({
    name: `tiles of ${M} × ${K} by ${N}, however the operands lie`,
    inputs: [draws([M, K]), draws([N, K], 2), draws([K, N], 3)],
    build: (a, b, c) => [
      t.matmul(a!, t.transpose(b!)),
      t.matmul(t.transpose(c!), t.transpose(a!)),
      t.add(t.matmul(a!, c!), 1),
      t.matmul(a!, t.cast(t.transpose(b!), 'bf16')),
      t.matmul(a!, t.cast(c!, 'f16')),
    ],
  })),
  {
    name: 'rows by number, in and out of range',
    inputs: [draws([6, 3]), i32([0, 5, -1, 9])],
    build: (a, i) => [
      t.gather(a!, i!),
      t.scatterSet(a!, i!, t.full([4, 3], 5)),
      t.scatterAdd(a!, i!, t.mul(t.gather(a!, i!), 2)),
    ],
  },
  {
    name: 'rows by number, of every batch its own',
    inputs: [
      draws([2, 6, 3]),
      i32([
        [0, 5],
        [1, -1],
      ]),
      draws([2, 2, 3], 2),
    ],
    build: (a, i, u) => [t.scatterSet(a!, i!, u!, { batchDims: 1 }), t.gather(a!, i!, { batchDims: 1 })],
  },
  {
    name: 'running sums',
    inputs: [draws([5, 33])],
    build: (a) => [t.cumsum(a!, 1), t.cumsum(a!, 0, { reverse: true, exclusive: true })],
  },
  {
    name: 'sorting',
    inputs: [draws([3, 70])],
    build: (a) => Object.values(t.sort(t.round(t.mul(a!, 4)), { descending: true })),
  },
  {
    name: 'random words and uniform numbers are those of the CPU',
    inputs: [],
    build: () => [t.randomBits(t.randomKey(9), [65]), t.randomUniform(t.randomKey(5), [77])],
    tolerance: 0,
  },
  {
    name: 'normal random numbers are nearly those of the CPU',
    inputs: [],
    build: () => [t.randomNormal(t.randomKey(5), [1000])],
  },
  {
    name: 'a loop with a carry, captured values and outputs',
    inputs: [draws([9, 4]), draws([4, 4], 2)],
    build: (a, b) => {
      const { carry, outputs } = t.scan({
        carry: { s: t.zeros([4]) },
        sequences: { x: a! },
        step: ({ s }, { x }) => {
          const next = t.add(t.mul(s, 0.5), t.reshape(t.matmul(t.expandDims(x, 0), b!), [4]));
          return { carry: { s: next }, output: { y: t.sum(next) } };
        },
      });
      return [carry.s, outputs.y];
    },
  },
  {
    name: 'a loop in reverse whose count is data',
    inputs: [draws([9, 4]), t.tensor(5, { dtype: 'i32' })],
    build: (a, count) => {
      const { carry, outputs } = t.scan({
        carry: t.zeros([4]),
        sequences: a!,
        count: count!,
        reverse: true,
        step: (s, x) => {
          const next = t.add(t.mul(s, 0.5), x);
          return { carry: next, output: next };
        },
      });
      return [carry, outputs];
    },
  },
];
