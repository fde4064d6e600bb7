import { gated } from '@tessera/feedforward';
import { validate } from '@tessera/plugin';
import type { PartSpec } from '@tessera/plugin';
import { read, tensor } from '@tessera/tensor-core';

/** How a layer of a model spec names a feed-forward. */
export function feedForwardSpec(): PartSpec {
  // #region spec
  const feedForward = { type: gated.name, config: { hidden: 2048, activation: 'silu' } }; // in a layer of a model spec
  // #endregion spec
  return feedForward;
}

/** One position through a gated feed-forward of inner width 2. */
export async function feedForwardByHand(): Promise<number[]> {
  // #region run
  const config = validate(gated.config, { hidden: 2, activation: 'relu' }, 'config');
  const params = {
    gate_proj: tensor([
      [1, 0],
      [0, -1],
    ]),
    up_proj: tensor([
      [1, 1],
      [1, 1],
    ]),
    down_proj: tensor([
      [1, 0],
      [0, 1],
    ]),
  };
  const { y } = gated.forward({ params, config, x: tensor([[2, 3]]) });
  const values = await read(y); // relu(2) · 5 and relu(−3) · 5
  // #endregion run
  return Array.from(values);
}
