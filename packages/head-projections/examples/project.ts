import { headFields, headParams, headSizes, projectQueryKeyValue } from '@tessera/head-projections';
import type { HeadsConfig } from '@tessera/head-projections';
import { fields, validate } from '@tessera/plugin';
import { iota, zeros } from '@tessera/tensor-core';
import type { Shape } from '@tessera/tensor-core';

/** Shapes of what four query heads and two key heads of a model of width 32 read. */
export function shapesOfHeads(): readonly Shape[] {
  // #region project
  const schema = fields<HeadsConfig>(headFields); // spread them into the fields of a mixer
  const config = validate(schema, { heads: 4, kvHeads: 2, rotary: { theta: 500_000 } }, 'config');
  const { heads, kvHeads, headDim: d } = headSizes(config, 32); // 4, 2, 8
  const [q_proj, k_proj, o_proj] = [zeros([heads * d, 32]), zeros([kvHeads * d, 32]), zeros([32, heads * d])];
  const { q, k, v } = projectQueryKeyValue({
    params: { q_proj, k_proj, v_proj: k_proj, o_proj },
    config,
    x: zeros([1, 5, 32]),
    positions: iota([1, 5], 1),
  });
  // q is [1, 5, 4, 8]; k and v are [1, 5, 2, 8]
  // #endregion project
  const declared = Object.values(headParams({ config, dModel: 32 })).map(({ shape }) => shape);
  return [q.shape, k.shape, v.shape, ...declared];
}
