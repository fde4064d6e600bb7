import { linearAttentionChunked, linearAttentionRecurrent } from '@tessera/ops';
import type { LinearAttentionCall } from '@tessera/ops';
import type { HostArray, Tensor, TensorType } from '@tessera/tensor-core';
import { pullBack } from '@tessera/tensor-core';
import type { CaseInput, KernelCase } from '../kernel-case.ts';
import type { Scale } from '../scale.ts';
import { correcting, decaysPerKey, headGradient, headOutput, sequenceSamples } from './linear-attention-reference.ts';
import type { LinearShape } from './linear-attention-reference.ts';

const f32 = (...shape: number[]): TensorType => ({ shape, dtype: 'f32' });

/** q, k, v, the state before, log decays, strengths, and a cotangent of the output. */
function operands(shape: LinearShape): CaseInput[] {
  const { T, H, K, V } = shape;
  const unit = Math.sqrt(3 / K); // rows of a length of about 1, as layers make them
  return [
    { ...f32(1, T, H, K), scale: unit },
    { ...f32(1, T, H, K), scale: unit },
    f32(1, T, H, V),
    f32(1, H, K, V),
    { ...f32(1, T, H, ...(decaysPerKey(shape) ? [K] : [])), scale: 0.1, map: (draw) => -Math.abs(draw) },
    { ...f32(1, T, H), scale: 3, map: (draw) => 1 / (1 + Math.exp(-draw)) },
    f32(1, T, H, V),
  ];
}

function callOf(shape: LinearShape, [q, k, v, S, g, beta]: readonly Tensor[]): LinearAttentionCall {
  return { q: q!, k: k!, v: v!, S: S!, g: g!, beta: correcting(shape) ? beta! : undefined };
}

function workOf(shape: LinearShape, gradient: boolean): KernelCase['work'] {
  const { T, H, K, V } = shape;
  const gate = decaysPerKey(shape) ? K : 1;
  const strength = correcting(shape) ? 1 : 0;
  const forward = { bytes: 2 * K * V + T * (2 * K + 2 * V + gate + strength), flops: correcting(shape) ? 7 : 5 };
  // The operands and the cotangent once more, and a cotangent of each operand.
  const back = gradient ? { bytes: 2 * K * V + T * (4 * K + 3 * V + 2 * (gate + strength)), flops: correcting(shape) ? 20 : 12 } : { bytes: 0, flops: 0 }; // prettier-ignore
  return { bytes: 4 * H * (forward.bytes + back.bytes), flops: T * H * K * V * (forward.flops + back.flops) };
}

const sizeName = ({ T, H, K, V }: LinearShape): string => `${T} of ${H} heads ${K}×${V}`;

/** One token, over `units` states one after another, each with the outputs of the last as its values. */
function tokenCase(shape: LinearShape, units: number): KernelCase {
  const { H, K, V } = shape;
  return {
    group: 'linear',
    shape: `${shape.mechanism} recurrent, ${sizeName(shape)}`,
    dtype: 'f32',
    inputs: [...operands(shape).slice(0, 6), ...Array.from({ length: units - 1 }, () => f32(1, H, K, V))],
    build(x) {
      const call = callOf(shape, x);
      let { v } = call;
      for (const state of [x[3]!, ...x.slice(6)]) v = linearAttentionRecurrent({ ...call, v, S: state }).o;
      return v;
    },
    units,
    work: workOf(shape, false),
    check: (data) =>
      sequenceSamples(shape, (head) => {
        let values = data[2] as ArrayLike<number>;
        let o: Float64Array = new Float64Array(0);
        for (const state of [data[3]!, ...data.slice(6)]) {
          const given = [...data];
          given[2] = values as HostArray;
          given[3] = state;
          o = headOutput(shape, given, head);
          values = Float64Array.from({ length: H * V }, (_, i) => (Math.floor(i / V) === head ? o[i % V]! : 0));
        }
        return o;
      }),
    tolerance: 1e-4,
  };
}

/** Runs of a loop that are compared. */
const comparedTokens = 16;

/**
 * The loop that the chunks are compared with: a run a token, whose state the next run takes over in place, as decoding does.
 * Each token is given the same q, k, v and gates, whose memory a decode step would write again and again.
 */
function loopCase(token: Omit<LinearShape, 'T'>): KernelCase {
  const shape = { ...token, T: 1 };
  return {
    group: 'linear',
    shape: `${shape.mechanism} in a loop, a run a token, ${sizeName(shape)}`,
    dtype: 'f32',
    inputs: operands(shape).slice(0, 6),
    carried: [{ input: 3, output: 1 }],
    batch: 256,
    checkedRuns: comparedTokens,
    sequence: { mechanism: shape.mechanism, form: 'loop', tokens: 1 },
    build(x) {
      const { o, S } = linearAttentionRecurrent(callOf(shape, x));
      return [o, S];
    },
    units: 1,
    work: workOf(shape, false),
    check(data) {
      const repeated = (index: number): HostArray => {
        const token = data[index] as Float32Array;
        const all = new Float32Array(comparedTokens * token.length);
        for (let t = 0; t < comparedTokens; t++) all.set(token, t * token.length);
        return all;
      };
      const all = data.map((array, index) => (index === 3 ? array : repeated(index)));
      const long = { ...shape, T: comparedTokens };
      return sequenceSamples(shape, (head) => headOutput(long, all, head).subarray((comparedTokens - 1) * shape.V));
    },
    tolerance: 1e-4,
  };
}

/** A prompt by chunks, alone or with the gradient of all operands. */
function promptCase(
  shape: LinearShape,
  { chunk = 64, gradient = false }: { readonly chunk?: number; readonly gradient?: boolean } = {},
): KernelCase {
  const inputs = operands(shape);
  return {
    group: 'linear',
    shape: `${shape.mechanism} by chunks of ${chunk}${gradient ? ', forward and backward' : ''}, ${sizeName(shape)}`,
    dtype: 'f32',
    inputs: gradient ? inputs : inputs.slice(0, 6),
    sequence: {
      mechanism: shape.mechanism,
      form: gradient ? 'chunks, forward and backward' : 'chunks',
      tokens: shape.T,
    },
    build(x) {
      const call = callOf(shape, x);
      const { o } = linearAttentionChunked(call, { chunk });
      if (!gradient) return o;
      const { q, k, v, S, g, beta } = call;
      const made = pullBack([o], [x[6]!], [q, k, S, g!, ...(beta ? [beta] : []), v]) as Tensor[];
      return [o, ...made];
    },
    units: 1,
    work: workOf(shape, gradient),
    check: (data) =>
      sequenceSamples(shape, (head, range) => (gradient ? headGradient : headOutput)(shape, data, head, range)),
    tolerance: 2e-4,
  };
}

/** Linear attention of several papers: prompts and training over them by chunks, and the loop over as many tokens. */
export function linearAttentionCases(scale: Scale): KernelCase[] {
  const names = ['Gated DeltaNet', 'GLA', 'KDA', 'RetNet'] as const;
  if (scale === 'dry') {
    const tiny = { T: 11, H: 2, K: 8, V: 12 };
    return [
      tokenCase({ ...tiny, mechanism: 'GLA', T: 1 }, 2),
      ...(['Gated DeltaNet', 'GLA'] as const).flatMap((mechanism) => [
        loopCase({ ...tiny, mechanism }),
        promptCase({ ...tiny, mechanism }, { chunk: 8 }),
        promptCase({ ...tiny, mechanism }, { chunk: 8, gradient: true }),
      ]),
    ];
  }
  const heads = { H: 16, K: 128, V: 128 };
  const both = (mechanism: LinearShape['mechanism'], T: number): KernelCase[] =>
    [false, true].map((gradient) => promptCase({ ...heads, mechanism, T }, { gradient }));
  const loops = names.map((mechanism) => loopCase({ ...heads, mechanism }));
  const [longest, ...shorter] = [65_536, 16_384, 2048] as const;
  if (scale === 'quick') return [...loops.slice(0, 2), ...names.slice(0, 2).flatMap((name) => both(name, 16_384))];
  return [
    ...loops,
    ...names.flatMap((name) => both(name, shorter[0])),
    ...names.flatMap((name) => both(name, shorter[1])),
    ...names.map((mechanism) => promptCase({ ...heads, mechanism, T: longest })),
    ...names.slice(0, 2).map((mechanism) => promptCase({ ...heads, mechanism, T: shorter[1] }, { chunk: 32 })),
    ...names.map((mechanism) => tokenCase({ ...heads, mechanism, T: 1 }, 64)),
  ];
}
