import { rms } from '@tessera/norms';
import { validate } from '@tessera/plugin';
import type { PartSpec } from '@tessera/plugin';
import { read, tensor } from '@tessera/tensor-core';

/** How a layer of a model spec names a norm. */
export function normSpec(): PartSpec {
  // #region spec
  const mixerNorm = { type: rms.name, config: { eps: 1e-5 } }; // in a layer of a model spec
  // #endregion spec
  return mixerNorm;
}

/** Normalises two positions by hand. */
export async function normalise(): Promise<number[]> {
  // #region normalise
  const config = validate(rms.config, { eps: 0 }, 'config');
  const x = tensor([
    [3, 4, 0, 0],
    [1, 1, 1, 1],
  ]);
  const y = rms.forward({ params: { weight: tensor([1, 1, 1, 2]) }, config, x });
  const values = await read(y); // 1.2, 1.6, 0, 0, and 1, 1, 1, 2
  // #endregion normalise
  return Array.from(values);
}
