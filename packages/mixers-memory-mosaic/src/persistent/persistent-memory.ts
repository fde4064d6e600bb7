import { attention, linear } from '@tessera/ops';
import type { Call, MixerFactory, ParamSpecs } from '@tessera/plugin';
import { chainOf, defineMixer, entriesOf, fields, int, normal, number, pickRows } from '@tessera/plugin';
import { broadcastTo, expandDims, iota, less, mean, permute, reshape, where, zeros } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import { lastEntries } from '../keys/entries-before.ts';
import { headDimOf, memoryFields, memoryParams } from '../keys/key-config.ts';
import type { MemoryConfig, MemoryParams } from '../keys/key-config.ts';
import { scaleHeads, unitKeys } from '../keys/memory-keys.ts';
import type { KeysCall } from '../keys/memory-keys.ts';

const name = '@tessera/mixers-memory-mosaic:persistent-memory';

/** Settings of {@link persistentMemory}. */
export interface PersistentMemoryConfig extends MemoryConfig {
  /** N, pairs of each head in a store. 3.5 · dModel is as many parameters as a feed-forward of four times the width has. */
  readonly slots: number;
  /** Stores, of whose answers the mean is taken. @defaultValue 1 */
  readonly stores?: number;
  /** Largest 2κ, up to 80: keys that read have norm e^{min(2κ, maxKeyScale)}, as stored ones have no κ. @defaultValue 10 */
  readonly maxKeyScale?: number;
}

/** Learned tensors of {@link persistentMemory}. M stores of N pairs. */
export interface PersistentMemoryParams extends MemoryParams {
  /** `[M, H, N, d]`: absent without slots. */
  readonly stored_keys?: Tensor;
  /** `[M, H, N, d]`: absent without slots. */
  readonly stored_values?: Tensor;
}

/** State of {@link persistentMemory}. */
export interface PersistentMemoryState {
  /** k̄ of the last entry, `[B, H, 1, d]`. */
  readonly average: Tensor;
  /** Inputs that a key of several taps reads again, `[B, keyTaps − 1, D]`; absent with one tap. */
  readonly inputs?: Tensor;
}

/**
 * Persistent associative memory: what was stored in training, read by the key of what is there now. It stands where a transformer
 * has its feed-forward, and remembers the leaky average of its keys.
 *
 * y_t = e^ν Σ_i softmax_i(e^{2κ} n(k̄_t) · P^k_i) P^v_i, k̄_t = e^{−β} k̄_{t−1} + x_t W_φ
 * @see Zhang et al. 2024, arXiv:2405.06394, section 5.
 */
export const persistentMemory: MixerFactory<PersistentMemoryConfig, PersistentMemoryParams, PersistentMemoryState> =
  defineMixer({
    contract: 'sequence-mixer/1',
    name,
    config: fields<PersistentMemoryConfig>({
      ...memoryFields,
      slots: int({ min: 0 }),
      stores: int({ min: 1, default: 1 }),
      maxKeyScale: number({ max: 80, default: 10 }),
    }),
    params(site): ParamSpecs<PersistentMemoryParams> {
      const { config, dModel } = site;
      const d = headDimOf(config, dModel);
      const store = { shape: [config.stores, config.heads, config.slots, d], init: normal(d ** -0.5) };
      return { ...memoryParams(site), ...(config.slots > 0 && { stored_keys: store, stored_values: store }) };
    },
    forward(call) {
      const [B, T, D] = call.x.shape as [number, number, number];
      if (T === 0) return { y: call.x };
      return { y: run(call, emptyState(call.config, D, B)).y };
    },
    decoding: {
      trees: true,
      memory: ({ config, dModel: D, batch }) => ({
        growth: 'constant',
        bytes: 4 * batch * (config.heads * headDimOf(config, D) + (config.keyTaps - 1) * D),
      }),
      init: ({ config, dModel, batch }) => emptyState(config, dModel, batch),
      step: (call) => run(call, call.state),
      commit({ params, config, snapshot, inputs, path, count }) {
        const depth = path.shape[1]!;
        const x = pickRows(inputs, where(less(iota([1, depth], 1), expandDims(count, 1)), path, -1));
        return readKeys({ params, config, x, ...snapshot, entries: chainOf(count, depth) }).state;
      },
    },
  });

function emptyState(config: Required<PersistentMemoryConfig>, D: number, batch: number): PersistentMemoryState {
  return {
    average: zeros([batch, config.heads, 1, headDimOf(config, D)]),
    ...(config.keyTaps > 1 && { inputs: zeros([batch, config.keyTaps - 1, D]) }),
  };
}

/** Unit keys `[B, n, H, d]`, and the state after them. */
function readKeys(call: KeysCall): { keys: Tensor; state: PersistentMemoryState } {
  const { x, inputs, entries } = call;
  const { keys, average } = unitKeys(call);
  return { keys, state: { average, ...(inputs && { inputs: lastEntries(x, inputs, entries) }) } };
}

function run(
  call: Call<PersistentMemoryConfig, PersistentMemoryParams> & { readonly parents?: Tensor },
  before: PersistentMemoryState,
): { y: Tensor; state: PersistentMemoryState } {
  const { params, config } = call;
  const [B, n, D] = call.x.shape as [number, number, number];
  const entries = entriesOf(call, n, name);
  const { keys, state } = readKeys({ params, config, x: entries.align(call.x), ...before, entries });
  const o = scaleHeads(readStores(call, keys), params.value_scale);
  const y = linear(reshape(o, [B, n, config.heads * headDimOf(config, D)]), params.o_proj, params.o_bias);
  return { y: entries.restore(y), state };
}

/**
 * What the stores answer, `[B, n, H, d]`. Each head of each store is a row of a batch, which all entries of all rows ask at once:
 * stores are then read as they lie, whatever the batch.
 */
function readStores(
  { params, config, random, training }: Call<PersistentMemoryConfig, PersistentMemoryParams>,
  keys: Tensor,
): Tensor {
  const [B, n, H, d] = keys.shape as [number, number, number, number];
  const { stores: M, slots: N, maxKeyScale: limit } = config;
  if (!params.stored_keys || !params.stored_values) return zeros([B, n, H, d]);
  const asked = scaleHeads(keys, params.key_scale, { times: 2, limit });
  const byHead = reshape(permute(asked, [2, 0, 1, 3]), [1, H, B * n, d]);
  const o = attention({
    q: reshape(broadcastTo(byHead, [M, H, B * n, d]), [M * H, B * n, 1, d]),
    k: reshape(params.stored_keys, [M * H, N, 1, d]),
    v: reshape(params.stored_values, [M * H, N, 1, d]),
    queryPositions: zeros([M * H, B * n], 'i32'),
    keyPositions: zeros([M * H, N], 'i32'),
    scale: 1,
    causal: false,
    ...(training && random && { dropout: { probability: config.dropout, key: random } }),
  });
  const answered = reshape(o, [M, H, B, n, d]);
  return permute(M === 1 ? reshape(answered, [H, B, n, d]) : mean(answered, { axis: 0 }), [1, 2, 0, 3]);
}
