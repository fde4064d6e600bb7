import type { Tensor } from '@tessera/tensor-core';
import {
  customGradient,
  div,
  grad,
  matmul,
  maximum,
  mean,
  mul,
  read,
  recompute,
  sqrt,
  square,
  stopGradient,
  sub,
  sum,
  tanh,
  tensor,
  transpose,
  valueAndGrad,
  vjp,
} from '@tessera/tensor-core';

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

/** Moves an input along what raises one output most. */
export async function guide(): Promise<number[]> {
  const w = tensor([
    [2, -1],
    [0, 1],
    [1, 1],
  ]);
  // #region vjp
  const x = tensor([[0.5, -1, 0.25]]);
  const { value, pull } = vjp((input: Tensor) => tanh(matmul(input, w)), x); // [1, 2]
  const weights = mul(value, tensor([[0, 1]])); // any cotangent of the form of the value
  const guided = sub(x, mul(pull(weights), 0.1));
  // #endregion vjp
  return Array.from(await read(guided));
}

/** A gradient that never gets longer than 1 on its way back. */
export async function clipOnTheWayBack(): Promise<number[]> {
  // #region custom-gradient
  const clipped = (x: Tensor): Tensor =>
    customGradient(
      ({ value }) => value,
      // What flows back is shortened to length 1 where it is longer.
      ({ cotangent }) => ({ value: div(cotangent, maximum(sqrt(sum(square(cotangent))), 1)) }),
      { value: x },
    );
  // #endregion custom-gradient
  const direction = grad((x: Tensor) => sum(mul(clipped(x), tensor([30, 40]))))(tensor([1, 2]));
  return Array.from(await read(direction));
}

/** A memory that learns while it reads, and what its keys should be so that it learns the right thing. */
export async function memorize(): Promise<number[]> {
  const query = tensor([[1, 1]]);
  const value = tensor([[3]]);
  // #region nested
  const written = (key: Tensor): Tensor => {
    const empty = tensor([[0], [0]]);
    const surprise = (memory: Tensor): Tensor => sum(square(sub(matmul(key, memory), value)));
    return sub(empty, mul(grad(surprise)(empty), 0.1)); // one step of descent, inside the model
  };
  const error = (key: Tensor): Tensor => sum(square(sub(matmul(query, written(key)), value)));
  const direction = grad(error)(tensor([[1, 0]])); // through that step
  // #endregion nested
  return Array.from(await read(direction));
}

/** A target that follows a network without being trained by it. */
export async function follow(): Promise<number[]> {
  const x = tensor([[1, 2]]);
  // #region stop-gradient
  const agreement = (w: Tensor): Tensor => sum(square(sub(matmul(x, w), stopGradient(matmul(x, transpose(w))))));
  // #endregion stop-gradient
  const w = tensor([
    [1, 2],
    [3, 4],
  ]);
  return Array.from(await read(grad(agreement)(w)));
}
