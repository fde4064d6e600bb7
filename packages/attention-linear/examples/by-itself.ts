// #region imports
import { gatedDeltaNet } from '@tessera/attention-linear';
import { decodingOf, validate } from '@tessera/plugin';
import type { ParamSpec } from '@tessera/plugin';
import { fromHost, grad, iota, mean, read, slice, square, tensor } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
// #endregion imports

/** Reads six positions at once, then one by one, and asks for a gradient. */
export async function runByItself(draw: (spec: ParamSpec) => Tensor): Promise<{
  readonly whole: ArrayLike<number>;
  readonly steps: ArrayLike<number>;
  readonly gradients: readonly string[];
}> {
  // #region call
  const config = validate(gatedDeltaNet.config, { keyHeads: 2, keyDim: 8, valueDim: 8 }, 'config');
  const site = { config, dModel: 16, layer: 0, layers: 1 };
  const declared = gatedDeltaNet.params(site); // name → shape, and how it begins
  const params = Object.fromEntries(Object.entries(declared).map(([name, spec]) => [name, draw(spec)])) as never;

  const x = draw({ shape: [1, 6, 16], init: { kind: 'normal', std: 1 } }); // [B, T, D]
  const integers = (...values: number[]): Tensor => tensor(values, { dtype: 'i32' });
  const row = { params, config, starts: integers(0) }; // its entries that count begin at 0
  const whole = gatedDeltaNet.forward({ ...row, x, positions: iota([1, 6], 1), lengths: integers(6) });
  // #endregion call

  // #region steps
  const decoding = decodingOf(gatedDeltaNet);
  let state = decoding.init({ ...site, params, batch: 1, capacity: 6, chunk: 1 });
  let last = x;
  for (let t = 0; t < 6; t++) {
    const position = fromHost(Int32Array.of(t), [1, 1]);
    const made = decoding.step({ ...row, x: slice(x, 1, t, t + 1), positions: position, lengths: integers(1), state });
    [last, state] = [made.y, made.state]; // y of the last step is that of the last position above
  }
  // #endregion steps

  // #region gradient
  const loss = ({ weights }: { readonly weights: Record<string, Tensor> }): Tensor => {
    const call = { ...row, params: weights as never, positions: iota([1, 6], 1), lengths: integers(6) };
    return mean(square(gatedDeltaNet.forward({ ...call, x }).y));
  };
  const gradients = grad(loss)({ weights: params }).weights; // by name, of the shapes of the parameters
  // #endregion gradient
  return { whole: await read(slice(whole.y, 1, 5)), steps: await read(last), gradients: Object.keys(gradients) };
}
