import { attention, crossEntropy, gatedFeedForward, layerNorm, linear, relu, softmax, softplus } from '@tessera/ops';
import * as t from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import { draws } from './compare.test-support.ts';
import type { GraphCase } from './graph-case.test-support.ts';
import { opCases } from './op-cases.test-support.ts';
import { primitiveCases } from './primitive-cases.test-support.ts';

/** More numbers than that among the inputs take the software adapter too long on the way back. */
const mostNumbers = 12_000;

const isFloat = ({ dtype }: Tensor): boolean => dtype === 'f32' || dtype === 'f16' || dtype === 'bf16';
const i32 = (values: t.NestedNumbers): Tensor => t.tensor(values, { dtype: 'i32' });

/** The case with the gradients of its float inputs, for random cotangents of its float outputs, in place of its outputs. */
function gradientOf({ name, inputs, build, tolerance = 1e-5 }: GraphCase): GraphCase {
  return {
    name: `${name}: gradients`,
    inputs,
    tolerance: 3 * tolerance,
    build(...x) {
      const outputs = build(...x).filter(isFloat);
      const given = outputs.map(({ shape }, index) => draws(shape, 31 + index));
      const floats = x.filter(isFloat);
      return t.pullBack(outputs, given, floats).map((each, index) => each ?? t.zeros(floats[index]!.shape));
    },
  };
}

/** What the lists of forward cases do not have, or not in the corner that matters on the way back. */
const corners: readonly GraphCase[] = [
  {
    name: 'powers, remainders, the larger and the smaller, and quotients',
    inputs: [draws([3, 65]), draws([65], 2)],
    build: (a, b) => {
      const [x, y] = [t.add(t.abs(a!), 0.3), t.add(t.abs(b!), 0.3)];
      return [t.pow(x, y), t.rem(x, y), t.maximum(a!, b!), t.minimum(a!, b!), t.div(a!, y), t.maximum(a!, a!)];
    },
  },
  {
    name: 'every so many elements',
    inputs: [draws([9, 7])],
    build: (a) => [
      t.apply1(t.sliceOp, [a!], { starts: [1, 6], sizes: [4, 3], steps: [2, -2] }),
      t.apply1(t.sliceOp, [a!], { starts: [8, 0], sizes: [3, 7], steps: [-4, 1] }),
    ],
  },
  {
    name: 'equal largest elements, sorted rows, and where nothing is not counted',
    inputs: [
      t.tensor([
        [1, 3, 3, 2],
        [2, 2, 2, 2],
      ]),
      draws([2, 4]),
    ],
    build: (a, b) => [
      t.max(a!, { axis: 1 }),
      t.min(a!),
      t.sort(b!, { descending: true }).values,
      t.where(t.greater(b!, 0), b!, t.mul(a!, b!)),
    ],
  },
  {
    name: 'a loop with integers among what it carries, in reverse, with a count that is data',
    inputs: [draws([6, 4]), draws([4], 2), draws([3, 4], 3), i32(4)],
    build: (x, s, w, count) => {
      const { carry, outputs } = t.scan({
        carry: { s: s!, turn: i32(0) },
        sequences: { x: x!, number: t.iota([6]) },
        count: count!,
        reverse: true,
        step: (before, { x: element, number }) => {
          const next = t.mul(t.tanh(t.add(before.s, element)), t.gather(w!, t.rem(number, 3)));
          return {
            carry: { s: next, turn: t.add(before.turn, 1) },
            output: { y: t.mul(next, t.cast(before.turn, 'f32')), turn: before.turn },
          };
        },
      });
      return [carry.s, outputs.y, outputs.turn];
    },
  },
  {
    name: 'a loop of no turns',
    inputs: [draws([0, 3]), draws([3], 2)],
    build: (x, s) => [t.scan({ carry: s!, sequences: x!, step: (c, e) => ({ carry: t.mul(c, e), output: {} }) }).carry],
  },
  {
    name: 'a layer that is computed again',
    inputs: [draws([5, 8]), draws([8, 8], 2)],
    build: (x, w) => {
      const layer = ({ y }: { y: Tensor }): Tensor => t.tanh(t.matmul(t.tanh(t.matmul(y, w!)), w!));
      return [t.recompute(layer, { y: t.recompute(layer, { y: x! }) })];
    },
  },
  {
    name: 'a step of gradient descent inside',
    inputs: [draws([3, 2]), draws([4, 3], 2), draws([4, 2], 3)],
    build: (w, x, y) => {
      const inner = (v: Tensor): Tensor => t.sum(t.square(t.sub(t.tanh(t.matmul(x!, v)), y!)));
      return [inner(t.sub(w!, t.mul(t.grad(inner)(w!), 0.1)))];
    },
  },
  {
    name: 'a gradient by hand, and one that is stopped',
    inputs: [draws([33])],
    build: (x) => [
      t.customGradient(
        (y: Tensor) => t.mul(y, 3),
        ({ input, cotangent }) => t.where(t.greater(input, 0), cotangent, 0),
        x!,
      ),
      t.mul(t.stopGradient(x!), x!),
    ],
  },
  ...(['f16', 'bf16'] as const).map((dtype): GraphCase => ({
    name: `weights kept as ${dtype}, read by a product and by number`,
    inputs: [
      draws([5, 8]),
      t.tensor(numbers(6, 8), { dtype }),
      i32([
        [3, 0, 3],
        [5, -1, 9],
      ]),
    ],
    build: (x, w, index) => [linear(x!, w!), t.cast(t.gather(w!, index!), 'f32')],
  })),
  {
    name: 'softmax, cross entropy, softplus and relu at 0',
    inputs: [draws([3, 65]), i32([4, 0, 64])],
    build: (x, targets) => [
      softmax(x!),
      crossEntropy(t.mul(x!, 3), targets!),
      softplus(t.mul(x!, 30)),
      relu(t.where(t.less(x!, 0.5), 0, x!)),
    ],
  },
  ...[1, 65].map((rows): GraphCase => ({
    name: `a gated feed-forward of ${rows} rows under a norm`,
    inputs: [
      draws([rows, 12]),
      draws([20, 12], 2),
      draws([20, 12], 3),
      draws([12, 20], 4),
      draws([12], 5),
      draws([12], 6),
    ],
    build: (x, gate, up, down, w, b) => [
      gatedFeedForward(layerNorm(x!, w!, b!, { eps: 1e-3 }), { gate: gate!, up: up!, down: down! }, 'silu'),
    ],
  })),
  {
    name: 'attention twice, grouped, capped and in a window',
    inputs: [
      draws([1, 5, 4, 4]),
      draws([1, 7, 2, 4], 2),
      draws([1, 7, 2, 4], 3),
      i32([[2, 3, 4, 5, 6]]),
      i32([[0, 1, 2, -1, 4, 5, 6]]),
    ],
    build: (q, k, v, queryPositions, keyPositions) => {
      const call = { queryPositions: queryPositions!, keyPositions: keyPositions!, window: 4, softCap: 3 };
      const o = attention({ ...call, q: q!, k: k!, v: v! });
      return [attention({ ...call, q: o, k: k!, v: v! })];
    },
  },
];

function numbers(rows: number, columns: number): number[][] {
  return Array.from({ length: rows }, (_, r) =>
    Array.from({ length: columns }, (_column, c) => (((r * 7 + c * 3) % 11) - 5) / 4),
  );
}

function fits({ inputs }: GraphCase): boolean {
  const floats = inputs.filter(isFloat);
  return floats.length > 0 && floats.reduce((total, { size }) => total + size, 0) <= mostNumbers;
}

/** Gradients of every op and primitive that has one. */
export const gradientCases: readonly GraphCase[] = [...corners, ...[...primitiveCases, ...opCases].filter(fits)].map(
  gradientOf,
);
