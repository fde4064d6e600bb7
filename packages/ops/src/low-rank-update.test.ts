import type { Tensor } from '@tessera/tensor-core';
import {
  cast,
  gather,
  grad,
  matmul,
  matmulOp,
  read,
  square,
  sum,
  tensor,
  trace,
  transpose,
} from '@tessera/tensor-core';
import { expect, test } from 'vitest';
import { dense, differences, get, randomDense, real } from './array.reference.ts';
import type { Dense } from './array.reference.ts';
import { linear } from './linear.ts';
import { lowRankUpdate } from './low-rank-update.ts';

const [out, inner, rank, scale] = [7, 5, 2, 0.5];
const [x, W, A, B, b] = [
  randomDense([3, inner], 1),
  dense([out, inner], (place) => ((place * 37) % 19) / 4 - 2), // exact in 16 bits
  randomDense([rank, inner], 3),
  randomDense([out, rank], 4),
  randomDense([out], 5),
];
const summed: Dense = dense([out, inner], (place) => {
  const [row, column] = [Math.floor(place / inner), place % inner];
  let change = 0;
  for (let r = 0; r < rank; r++) change += get(B, row, r) * get(A, r, column);
  return get(W, row, column) + scale * change;
});
const product: Dense = dense([3, out], (place) => {
  let y = 0;
  for (let i = 0; i < inner; i++) y += get(x, Math.floor(place / out), i) * get(summed, place % out, i);
  return y;
});
const change = (): { A: Tensor; B: Tensor; scale: number } => ({ A: real(A), B: real(B), scale });

test.each(['f32', 'f16', 'bf16'] as const)('W + s B A of a weight kept as %s, and products with it', async (dtype) => {
  const biased = dense(product.shape, (place) => product.data[place]! + b.data[place % out]!);
  const build = (): Tensor[] => {
    const weight = lowRankUpdate(cast(real(W), dtype), change());
    const rows = gather(weight, tensor([3, 0], { dtype: 'i32' }));
    return [
      weight,
      linear(real(x), weight),
      linear(real(x), weight, real(b)),
      matmul(real(x), transpose(weight)),
      rows,
    ];
  };
  const rows = dense([2, inner], (place) => get(summed, place < inner ? 3 : 0, place % inner));
  expect(await differences(build, [summed, product, biased, product, rows])).toEqual([]);
});

test('changes of a change add up', async () => {
  const twice = (): Tensor => linear(real(x), lowRankUpdate(lowRankUpdate(real(W), change()), change()));
  const more = dense(product.shape, (place) => {
    let y = product.data[place]!;
    for (let i = 0; i < inner; i++)
      y += get(x, Math.floor(place / out), i) * (get(summed, place % out, i) - get(W, place % out, i));
    return y;
  });
  expect(await differences(() => [twice()], [more])).toEqual([]);
});

test('a linear map never makes the sum, nor the gradient or a copy of its weight', () => {
  const types = [x.shape, W.shape, A.shape, B.shape].map((shape, index) => ({
    shape,
    dtype: index === 1 ? ('bf16' as const) : ('f32' as const),
  }));
  const graph = trace((given, weight, first, second) => {
    const of = (factors: { A: Tensor; B: Tensor }): Tensor =>
      sum(square(linear(given!, lowRankUpdate(weight!, { ...factors, scale }))));
    return Object.values(grad(of)({ A: first!, B: second! }));
  }, types);
  const whole = graph.types.filter(({ shape, dtype }) => dtype === 'f32' && shape.join() === W.shape.join());
  expect(whole).toEqual([]);
  expect(graph.nodes.filter(({ op }) => op.id === matmulOp.id).length).toBeGreaterThan(4);
});

test('the gradient of a linear map is that of the sum', async () => {
  const gradients = async (times: (given: Tensor, weight: Tensor) => Tensor): Promise<unknown> => {
    const of = (factors: { A: Tensor; B: Tensor }): Tensor =>
      sum(square(times(real(x), lowRankUpdate(real(W), { ...factors, scale }))));
    const made = grad(of)({ A: real(A), B: real(B) });
    return Promise.all([made.A, made.B].map(async (each) => [...(await read(each))].map((value) => value.toFixed(3))));
  };
  expect(await gradients(linear)).toEqual(await gradients((given, weight) => matmul(given, transpose(weight))));
});

test('factors that do not fit are refused', () => {
  expect(() => lowRankUpdate(real(W), { A: real(A), B: real(A), scale })).toThrow(
    'lowRankUpdate: weight [7, 5], A [2, 5] and B [2, 5], expected [out, in], [rank, in] and [out, rank].',
  );
});
