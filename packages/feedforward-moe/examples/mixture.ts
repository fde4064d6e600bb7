import { mixture } from '@tessera/feedforward-moe';
import type { MixtureConfig } from '@tessera/feedforward-moe';
import { validate } from '@tessera/plugin';
import type { PartSpec } from '@tessera/plugin';
import { read, tensor } from '@tessera/tensor-core';

/** How a layer of a model spec names a mixture of experts, here one as in DeepSeek-V3. */
export function mixtureSpec(): PartSpec {
  // #region spec
  const config: MixtureConfig = {
    experts: 64,
    expertsPerToken: 6,
    hidden: 512,
    router: {
      scores: 'sigmoid',
      selectionBias: true,
      groups: { count: 8, chosen: 4, by: 'best-two' },
      normalize: true,
    },
    shared: { hidden: 512 },
  };
  const feedForward = { type: mixture.name, config }; // in a layer of a model spec
  // #endregion spec
  return feedForward;
}

/** Two tokens, each through the better of two experts: one doubles, the other negates. */
export async function mixtureByHand(): Promise<number[]> {
  // #region run
  const config = validate(
    mixture.config,
    { experts: 2, expertsPerToken: 1, hidden: 1, activation: 'relu', router: { normalize: true } },
    'config',
  );
  const params = {
    router: tensor([[9], [-9]]), // positive tokens to the first expert, negative ones to the second
    gate_proj: tensor([[[1]], [[-1]]]),
    up_proj: tensor([[[1]], [[1]]]),
    down_proj: tensor([[[2]], [[-1]]]),
  };
  const { y } = mixture.forward({ params, config, x: tensor([[3], [-5]]) });
  const values = await read(y); // 2 · relu(3) · 3 and −1 · relu(5) · (−5)
  // #endregion run
  return [...values];
}
