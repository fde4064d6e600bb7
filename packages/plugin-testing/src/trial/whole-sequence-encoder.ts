import { linear } from '@tessera/ops';
import type { MixerFactory } from '@tessera/plugin';
import {
  defineMixer,
  fields,
  linearWeight,
  perEntry,
  refuseSegments,
  validEntries,
  zeroInvalid,
} from '@tessera/plugin';
import { cast, div, matmul, maximum, transpose } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';

interface Params {
  /** `[D, D]` each. */
  readonly q_proj: Tensor;
  readonly k_proj: Tensor;
  readonly v_proj: Tensor;
}

const name = '@tessera/plugin-testing:whole-sequence-encoder';

/** y_t = q_t · (Σ_s k_sᵀ v_s) / T over the whole sequence: an encoder, which has no decoding. */
export const wholeSequenceEncoder: MixerFactory<Record<never, never>, Params, Record<never, never>> = defineMixer({
  contract: 'sequence-mixer/1',
  name,
  config: fields<Record<never, never>>({}),
  params: ({ dModel: D }) => ({ q_proj: linearWeight(D, D), k_proj: linearWeight(D, D), v_proj: linearWeight(D, D) }),
  forward(call) {
    refuseSegments(name, call);
    const { params, x, lengths } = call;
    const k = zeroInvalid(linear(x, params.k_proj), validEntries(call, x.shape[1]!));
    const memory = matmul(transpose(k), linear(x, params.v_proj)); // [B, D, D]
    const y = matmul(linear(x, params.q_proj), memory);
    return { y: div(y, perEntry(maximum(cast(lengths, 'f32'), 1), y)) };
  },
});
