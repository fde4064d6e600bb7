import { fromHost } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import { activationNames, activations, logSigmoid } from './activation.ts';
import { causalConvolution } from './causal-convolution.ts';
import { gatedFeedForward } from './gated-feed-forward.ts';
import { gatedRmsNorm } from './gated-rms-norm.ts';
import { draws } from './gradient-check.test-support.ts';
import type { GradientCase } from './gradient-check.test-support.ts';
import { linear } from './linear.ts';
import { lowRankUpdate } from './low-rank-update.ts';
import { l2Normalize, layerNorm, rmsNorm } from './norm.ts';
import { rotary, rotaryAngles, rotaryTables } from './rotary.ts';
import { shortConvolutions } from './short-convolutions.ts';
import { crossEntropy, logSumExp, maskedSoftmax, softmax } from './softmax.ts';
import { softplus } from './softplus.ts';
import { unitLowerInverse } from './unit-lower-inverse.ts';

/** Whole numbers by their place. */
export function counted(shape: readonly number[], rule: (place: number) => number): Tensor {
  const size = shape.reduce((total, extent) => total * extent, 1);
  return fromHost(
    Int32Array.from({ length: size }, (_, place) => rule(place)),
    shape,
  );
}

/** True and false by their place. */
export function chosen(shape: readonly number[], rule: (place: number) => boolean): Tensor {
  const { data } = counted(shape, (place) => Number(rule(place))).source as { data: Int32Array };
  return fromHost(Uint8Array.from(data), shape, 'bool');
}

/** erf of the CPU is good to 1e-7 only, which differences magnify. */
const byErf = { step: 2e-2, tolerance: 1e-4 };
const usesErf = new Set<string>(['gelu', 'gelu-10', 'laplace']);

const pointwise: readonly GradientCase[] = [
  ...activationNames.map((name): GradientCase => ({
    name: `the activation ${name}`,
    inputs: [draws([37], 5, -12, 12)],
    build: (x) => [activations[name](x!)],
    ...(usesErf.has(name) && byErf),
  })),
  {
    name: 'softplus and the logarithm of a sigmoid, far out',
    inputs: [draws([9], 2, -60, 60)],
    build: (x) => [softplus(x!), logSigmoid(x!)],
    ruleOnly: true,
  },
];

const choices: readonly GradientCase[] = [1, 63, 65].flatMap((n): GradientCase[] => [
  { name: `softmax of ${n}`, inputs: [draws([3, n], 1, -4, 4)], build: (x) => [softmax(x!), logSumExp(x!)] },
  {
    name: `softmax of ${n}, some hidden, in one row all`,
    inputs: [draws([3, n], 1, -4, 4), chosen([3, n], (place) => place >= n && place % 3 !== 1)],
    build: (x, visible) => [maskedSoftmax(x!, visible!)],
  },
  {
    name: `cross entropy over ${n}`,
    inputs: [draws([2, 3, n], 1, -4, 4), counted([2, 3], (place) => (place * 7) % n)],
    build: (x, targets) => [crossEntropy(x!, targets!)],
  },
]);

const norms: readonly GradientCase[] = [1, 63, 65].flatMap((n): GradientCase[] => [
  {
    name: `norms over ${n}`,
    inputs: [draws([2, 3, n]), draws([n], 2), draws([n], 3)],
    build: (x, w, b) => [
      rmsNorm(x!, w!, { eps: 1e-5 }),
      rmsNorm(x!, w!, { eps: 0.1, offset: 1 }),
      layerNorm(x!, w!, b!, { eps: 0.01 }),
      l2Normalize(x!, 0.01),
    ],
  },
  {
    name: `gated norms over ${n}`,
    inputs: [draws([2, n]), draws([n], 2), draws([2, n], 3, -3, 3)],
    build: (x, w, gate) => [
      gatedRmsNorm(x!, w!, gate!, { eps: 1e-3 }),
      gatedRmsNorm(x!, w!, gate!, { eps: 1e-3, activation: 'sigmoid' }),
    ],
  },
]);

const rotations: readonly GradientCase[] = [
  [0, 3, 6],
  [1, 1, 2],
  [65, 3, 6],
  [3, 2, 7],
  [2, 1, 63],
].map(([n, pairs, D]): GradientCase => ({
  name: `rotary positions: ${n} of ${pairs} pairs in heads of ${D}`,
  inputs: [draws([2, n!, 2, D!]), draws([2, n!, pairs!], 2), draws([2, n!, pairs!], 3)],
  build: (x, cos, sin) => [
    rotary(x!, { cos: cos!, sin: sin! }),
    rotary(x!, { cos: cos!, sin: sin! }, 'interleaved'),
    rotary(x!, rotaryAngles(rotaryTables(Float64Array.from({ length: pairs! }, (_, i) => 0.3 ** i)), counted([2, n!], (place) => 700 * place))), // prettier-ignore
  ],
}));

const convolutions: readonly GradientCase[] = [
  ...(
    [
      [0, 3],
      [1, 4],
      [5, 1],
      [63, 4],
      [65, 2],
    ] as const
  ).map(([T, J]): GradientCase => ({
    name: `a causal convolution of ${J} taps over ${T}`,
    inputs: [draws([2, T, 3]), draws([3, J], 2), draws([2, J - 1, 3], 3), draws([3], 4)],
    build: (x, w, history, b) => [causalConvolution(x!, w!, history!, b!), causalConvolution(x!, w!, history!)],
  })),
  ...([1, 2, 65] as const).map((T): GradientCase => ({
    name: `short convolutions of three streams over ${T}`,
    inputs: [
      draws([2, T, 4]),
      draws([2, T, 4], 2),
      draws([2, T, 6], 3),
      draws([14, 4], 4),
      draws([2, 3, 14], 5),
      counted([2], (row) => (row === 0 ? T : Math.floor(T / 2))),
    ],
    build: (q, k, v, weight, history, lengths) => {
      const made = shortConvolutions({
        x: [q!, k!, v!],
        weight: weight!,
        history: history!,
        lengths: lengths!,
        activation: 'silu',
        streams: [
          { heads: 2, normalize: { scale: 0.5, eps: 0.01 } },
          { heads: 2, normalize: { scale: 1, eps: 0.01 } },
          { heads: 2 },
        ],
      });
      return [...made.y, made.history];
    },
  })),
];

const products: readonly GradientCase[] = [
  ...[0, 1, 65].map((rows): GradientCase => ({
    name: `linear maps and a gated feed-forward of ${rows} rows`,
    inputs: [
      draws([rows, 5]),
      draws([7, 5], 2),
      draws([7, 5], 3),
      draws([5, 7], 4),
      draws([7], 5),
      draws([7], 6),
      draws([5], 7),
    ],
    build: (x, gate, up, down, gateBias, upBias, downBias) => [
      linear(x!, up!, upBias!),
      gatedFeedForward(x!, { gate: gate!, up: up!, down: down! }, 'silu'),
      gatedFeedForward(x!, { gate: gate!, up: up!, down: down!, gateBias, upBias, downBias }, 'gelu-tanh'),
    ],
  })),
  ...[0, 1, 65].map((rows): GradientCase => ({
    name: `a weight with a change of low rank, alone and in a linear map of ${rows} rows`,
    inputs: [draws([rows, 5]), draws([7, 5], 2), draws([2, 5], 3), draws([7, 2], 4)],
    build: (x, W, A, B) => {
      const weight = lowRankUpdate(W!, { A: A!, B: B!, scale: 0.5 });
      return [weight, linear(x!, weight)];
    },
  })),
  ...[0, 1, 5, 33].map((C): GradientCase => ({
    name: `inverses of unit lower triangular matrices of ${C}`,
    inputs: [draws([2, C, C], 1, -0.4, 0.4)],
    build: (L) => [unitLowerInverse(L!)],
  })),
];

/** Every op but attention and linear attention. */
export const gradientCases: readonly GradientCase[] = [
  ...pointwise,
  ...choices,
  ...norms,
  ...rotations,
  ...convolutions,
  ...products,
];
