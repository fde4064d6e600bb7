import {
  causalConvolution,
  linearAttentionChunked,
  linearAttentionRecurrent,
  l2Normalize,
  linear,
  silu,
} from '@tessera/ops';
import type { AlignedRows, MixerFactory } from '@tessera/plugin';
import {
  alignRows,
  constant,
  defineMixer,
  fields,
  int,
  linearWeight,
  pickRows,
  refuseSegments,
  zeroInvalid,
} from '@tessera/plugin';
import { add, concat, expandDims, iota, neg, reshape, sigmoid, slice, zeros } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';

interface Config {
  readonly heads: number;
  /** Entries that the convolution sees. @defaultValue 3 */
  readonly taps?: number;
}

interface Params {
  /** `[3 · D, D]` */
  readonly qkv_proj: Tensor;
  /** `[3 · D, taps]` */
  readonly conv: Tensor;
  /** `[2 · heads, D]`: log decay, writing strength. */
  readonly gates: Tensor;
  /** `[D, D]` */
  readonly o_proj: Tensor;
}

interface State {
  /** What the convolution sees of the past, `[B, taps − 1, 3 · D]`. */
  readonly history: Tensor;
  /** `[B, H, K, K]` */
  readonly S: Tensor;
}

const name = '@tessera/plugin-testing:gated-delta-net';

/** Inputs of the rule from aligned rows; entries that do not count neither decay nor write. */
function project(
  params: Params,
  x: Tensor,
  { valid }: AlignedRows,
  history: Tensor,
  H: number,
): Record<'raw' | 'q' | 'k' | 'v' | 'g' | 'beta', Tensor> {
  const [B, n, D] = x.shape as [number, number, number];
  const raw = linear(x, params.qkv_proj);
  const mixed = reshape(silu(causalConvolution(raw, params.conv, history)), [B, n, 3 * H, D / H]);
  const gates = linear(x, params.gates);
  return {
    raw,
    q: l2Normalize(slice(mixed, 2, 0, H)),
    k: l2Normalize(slice(mixed, 2, H, 2 * H)),
    v: slice(mixed, 2, 2 * H),
    g: zeroInvalid(neg(sigmoid(slice(gates, 2, 0, H))), valid),
    beta: zeroInvalid(sigmoid(slice(gates, 2, H)), valid),
  };
}

function empty({ heads: H, taps = 3 }: Config, B: number, D: number): State {
  return { history: zeros([B, taps - 1, 3 * D]), S: zeros([B, H, D / H, D / H]) };
}

/** Gated DeltaNet with a short convolution: a state of fixed size, chunked over whole sequences, recurrent in steps. */
export const gatedDeltaNet: MixerFactory<Config, Params, State> = defineMixer({
  contract: 'sequence-mixer/1',
  name,
  config: fields<Config>({ heads: int({ min: 1 }), taps: int({ min: 2, default: 3 }) }),
  params: ({ config: { heads, taps }, dModel: D }) => ({
    qkv_proj: linearWeight(3 * D, D),
    conv: { shape: [3 * D, taps], init: constant(1 / taps), precise: true },
    gates: linearWeight(2 * heads, D),
    o_proj: linearWeight(D, D),
  }),
  forward(call) {
    refuseSegments(name, call);
    const { params, config, x } = call;
    const rows = alignRows(call, x.shape[1]!);
    const { history, S } = empty(config, x.shape[0]!, x.shape[2]!);
    const { o } = linearAttentionChunked(
      { ...project(params, rows.align(x), rows, history, config.heads), S },
      { chunk: 4 },
    );
    return { y: linear(rows.restore(reshape(o, x.shape)), params.o_proj) };
  },
  decoding: {
    memory: ({ config: { heads: H, taps }, dModel: D, batch: B }) => ({
      growth: 'constant',
      bytes: 4 * B * ((taps - 1) * 3 * D + H * (D / H) ** 2),
    }),
    init: ({ config, dModel, batch }) => empty(config, batch, dModel),
    step(call) {
      const { params, config, x, state, lengths } = call;
      const rows = alignRows(call, x.shape[1]!);
      const { raw, ...inputs } = project(params, rows.align(x), rows, state.history, config.heads);
      const { o, S } = linearAttentionRecurrent({ ...inputs, S: state.S });
      const last = add(expandDims(lengths, 1), expandDims(iota([config.taps - 1]), 0));
      const history = pickRows(concat([state.history, raw], 1), last);
      return { y: linear(rows.restore(reshape(o, x.shape)), params.o_proj), state: { history, S } };
    },
  },
});
