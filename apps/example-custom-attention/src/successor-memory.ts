import { l2Normalize, linear } from '@tessera/ops';
import type { Call, MixerFactory, Plugin } from '@tessera/plugin';
import { alignRows, constant, defineMixer, definePlugin, fields, int, linearWeight } from '@tessera/plugin';
import { pickRows, refuseSegments } from '@tessera/plugin';
import { add, at, concat, div, expandDims, matmul, mul, reshape, scan, sigmoid, slice } from '@tessera/tensor-core';
import { square, sub, sum, transpose, where, zeros } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';

const packageName = 'example-custom-attention';
const name = `${packageName}:successor-memory` as const;

// #region declarations
/** Settings of {@link successorMemory}. */
export interface SuccessorMemoryConfig {
  /** H, memories side by side. */
  readonly heads: number;
  /** K, elements of a key and of a value. @defaultValue 32 */
  readonly headDim?: number;
}

/** Learned tensors of {@link successorMemory}, under their checkpoint names. */
export interface SuccessorMemoryParams {
  /** `[3 · H · K, D]`: queries, keys, values. */
  readonly qkv_proj: Tensor;
  /** `[H, D]`: how much of the memory a position keeps. */
  readonly keep_proj: Tensor;
  /** `[H]` */
  readonly keep_bias: Tensor;
  /** `[D, H · K]` */
  readonly o_proj: Tensor;
}

/** State of {@link successorMemory}: constant in the number of positions. */
export interface SuccessorMemoryState {
  /** k_{t−1}, `[B, H, K]`: zero before the first position. */
  readonly lastKey: Tensor;
  /** `[B, H, K, K]`, f32: what followed each key. */
  readonly S: Tensor;
}
// #endregion declarations

const row = (z: Tensor): Tensor => expandDims(z, 2); // [B, H, K] → [B, H, 1, K]
const norm = (z: Tensor): Tensor => sum(square(z), { axis: -1, keepDims: true }); // ‖z‖²
const timeFirst = (z: Tensor): Tensor => transpose(z, 0, 1);

// #region run
/** Positions that go on from a state: a whole sequence or a step. */
function run(
  { params, config: { heads: H, headDim: K }, ...call }: Call<SuccessorMemoryConfig, SuccessorMemoryParams>,
  state: SuccessorMemoryState,
): { y: Tensor; state: SuccessorMemoryState } {
  refuseSegments(name, call);
  const [B, n] = call.x.shape as [number, number, number];
  const rows = alignRows(call, n); // after this, padding is at the end of a row, and zero
  const x = rows.align(call.x);
  const qkv = reshape(linear(x, params.qkv_proj), [B, n, 3, H, K]);
  const [q, k, v] = [l2Normalize(at(qkv, 2, 0)), l2Normalize(at(qkv, 2, 1)), at(qkv, 2, 2)];
  const keep = where(expandDims(rows.valid, 2), sigmoid(linear(x, params.keep_proj, params.keep_bias)), 1);
  const keys = concat([expandDims(state.lastKey, 1), k], 1); // [B, n + 1, H, K]: the key before each entry
  const before = slice(keys, 1, 0, n);
  const { carry, outputs } = scan({
    carry: { S: state.S },
    sequences: { q: timeFirst(q), k: timeFirst(before), v: timeFirst(v), keep: timeFirst(keep) },
    // #region equations
    step({ S }, { q, k, v, keep }) {
      const expected = at(matmul(row(k), S), 2, 0); // v̂ [B, H, K], from the key of the position before
      const surprise = div(norm(sub(v, expected)), add(add(norm(v), norm(expected)), 1e-6)); // [B, H, 1]
      const written = matmul(transpose(row(k)), row(mul(surprise, v))); // [B, H, K, K]
      const next = add(mul(S, expandDims(row(keep), 3)), written);
      return { carry: { S: next }, output: at(matmul(row(q), next), 2, 0) };
    },
    // #endregion equations
  });
  const y = linear(reshape(timeFirst(outputs), [B, n, H * K]), params.o_proj);
  const lastKey = at(pickRows(keys, expandDims(call.lengths, 1)), 1, 0); // of the last entry that counts
  return { y: rows.restore(y), state: { lastKey, S: carry.S } };
}
// #endregion run

// #region mixer
function empty({ heads: H, headDim: K }: Required<SuccessorMemoryConfig>, B: number): SuccessorMemoryState {
  return { lastKey: zeros([B, H, K]), S: zeros([B, H, K, K]) };
}

/**
 * Successor memory: remembers what followed each key, and writes the more, the less it expected what came.
 *
 * v̂_t = k_{t−1} S_{t−1}; s_t = ‖v_t − v̂_t‖² / (‖v_t‖² + ‖v̂_t‖² + ε); S_t = γ_t S_{t−1} + s_t k_{t−1}ᵀ v_t; o_t = q_t S_t
 * (row vectors, S is [K, K]), γ_t = σ(x_t W_γ + b); q and k are L2-normalised; s_t is in [0, 2], k_0 = 0, ε = 10⁻⁶.
 * @see for writing by outer products Katharopoulos et al. 2020, arXiv:2006.16236.
 */
export const successorMemory: MixerFactory<SuccessorMemoryConfig, SuccessorMemoryParams, SuccessorMemoryState> =
  defineMixer({
    contract: 'sequence-mixer/1',
    name,
    config: fields<SuccessorMemoryConfig>({ heads: int({ min: 1 }), headDim: int({ min: 1, default: 32 }) }),
    params: ({ config: { heads: H, headDim: K }, dModel: D }) => ({
      qkv_proj: linearWeight(3 * H * K, D),
      keep_proj: linearWeight(H, D),
      keep_bias: { shape: [H], init: constant(3) }, // γ starts near 0.95
      o_proj: linearWeight(D, H * K),
    }),
    forward: (call) => ({ y: run(call, empty(call.config, call.x.shape[0]!)).y }),
    decoding: {
      memory: ({ config: { heads, headDim }, batch }) => ({
        growth: 'constant',
        bytes: 4 * batch * heads * headDim * (headDim + 1),
      }),
      init: ({ config, batch }) => empty(config, batch),
      step: (call) => run(call, call.state),
    },
  });

/** The mixers of this package. */
export const plugin: Plugin = definePlugin({ contract: 'plugin/1', name: packageName, mixers: [successorMemory] });
// #endregion mixer
