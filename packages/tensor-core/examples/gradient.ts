import type { Tensor } from '@tessera/tensor-core';
import { matmul, mean, mul, read, recompute, square, sub, tanh, tensor, valueAndGrad } from '@tessera/tensor-core';

/** One step of gradient descent on a small regression. */
export async function descend(): Promise<{ loss: number; w: number[] }> {
  // #region value-and-grad
  const x = tensor([
    [1, 2],
    [3, 4],
  ]);
  const y = tensor([[1], [2]]);
  const step = valueAndGrad(({ w }: { w: Tensor }) => mean(square(sub(matmul(x, w), y))));
  const w = tensor([[0], [0]]);
  const { value, grad } = step({ w });
  const next = sub(w, mul(grad.w, 0.01));
  // #endregion value-and-grad
  const [loss] = await read(value);
  return { loss: loss!, w: Array.from(await read(next)) };
}

/** The same layer, whose inside is computed again on the way back. */
export async function descendSparingly(): Promise<number[]> {
  const x = tensor([[0.5, -1]]);
  // #region recompute
  const deep = ({ w }: { w: Tensor }): Tensor => tanh(matmul(tanh(matmul(x, w)), w));
  const step = valueAndGrad((params: { w: Tensor }) => mean(square(recompute(deep, params))));
  // #endregion recompute
  const { grad } = step({
    w: tensor([
      [1, 0],
      [0, 1],
    ]),
  });
  return Array.from(await read(grad.w));
}
