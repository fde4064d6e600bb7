import { linearAttentionChunked, linearAttentionRecurrent } from '@tessera/ops';
import type { LinearAttentionCall } from '@tessera/ops';
import type { HostArray, Tensor, TensorType } from '@tessera/tensor-core';
import { abs, neg, pullBack, sigmoid } from '@tessera/tensor-core';
import type { CaseInput, KernelCase, Sample } from '../kernel-case.ts';
import { somePlaces } from '../kernel-case.ts';
import type { Scale } from '../scale.ts';

/** A member of the family, and the sizes of a call for one row. */
interface Shape {
  readonly name: 'GLA' | 'Gated DeltaNet' | 'KDA' | 'RetNet';
  readonly T: number;
  readonly H: number;
  readonly K: number;
  readonly V: number;
}

const f32 = (...shape: number[]): TensorType => ({ shape, dtype: 'f32' });
const decaysPerKey = ({ name }: Shape): boolean => name === 'GLA' || name === 'KDA';
const correcting = ({ name }: Shape): boolean => name === 'Gated DeltaNet' || name === 'KDA';

/** q, k, v, the state before, what the log decays and what the strengths are made of, and a cotangent of the output. */
function operands(shape: Shape): CaseInput[] {
  const { T, H, K, V } = shape;
  const unit = Math.sqrt(3 / K); // rows of a length of about 1, as layers make them
  return [
    { ...f32(1, T, H, K), scale: unit },
    { ...f32(1, T, H, K), scale: unit },
    f32(1, T, H, V),
    f32(1, H, K, V),
    { ...f32(1, T, H, ...(decaysPerKey(shape) ? [K] : [])), scale: 0.1 },
    { ...f32(1, T, H), scale: 3 },
    f32(1, T, H, V),
  ];
}

function callOf(shape: Shape, [q, k, v, S, g, beta]: readonly Tensor[]): LinearAttentionCall {
  return { q: q!, k: k!, v: v!, S: S!, g: neg(abs(g!)), beta: correcting(shape) ? sigmoid(beta!) : undefined };
}

/** Log decay and strength of an entry in float64. */
function gates(
  shape: Shape,
  [, , , , g, beta]: readonly HostArray[],
  at: number,
): { decay(i: number): number; strength: number } {
  const { K } = shape;
  return {
    decay: (i) => Math.exp(-Math.abs(decaysPerKey(shape) ? g![at * K + i]! : g![at]!)),
    strength: correcting(shape) ? 1 / (1 + Math.exp(-beta![at]!)) : 1,
  };
}

/** One head in float64, element by element: S̃ = e^g S; S ← S̃ + kᵀ u, u = v or β (v − k S̃); o = q S. → o `[T, V]` */
function headOutput(shape: Shape, data: readonly HostArray[], head: number): Float64Array {
  const { T, H, K, V } = shape;
  const [q, k, v, S0] = data;
  const S = Float64Array.from({ length: K * V }, (_, i) => S0![head * K * V + i]!);
  const o = new Float64Array(T * V);
  const u = new Float64Array(V);
  for (let t = 0; t < T; t++) {
    const at = t * H + head;
    const { decay, strength } = gates(shape, data, at);
    for (let i = 0; i < K; i++) {
      const kept = decay(i);
      for (let j = 0; j < V; j++) S[i * V + j]! *= kept;
    }
    for (let j = 0; j < V; j++) u[j] = v![at * V + j]!;
    if (correcting(shape))
      for (let i = 0; i < K; i++) for (let j = 0; j < V; j++) u[j]! -= k![at * K + i]! * S[i * V + j]!;
    for (let i = 0; i < K; i++)
      for (let j = 0; j < V; j++) {
        S[i * V + j]! += strength * k![at * K + i]! * u[j]!;
        o[t * V + j]! += q![at * K + i]! * S[i * V + j]!;
      }
  }
  return o;
}

/** dv of one head in float64, `[T, V]`: dS ← dS + qᵀ do; dv = β k dS; dS ← e^g (dS − kᵀ dv), from the last entry to the first. */
function headGradient(shape: Shape, data: readonly HostArray[], head: number): Float64Array {
  const { T, H, K, V } = shape;
  const [q, k] = data;
  const d = data[6]!;
  const dS = new Float64Array(K * V);
  const dv = new Float64Array(T * V);
  for (let t = T - 1; t >= 0; t--) {
    const at = t * H + head;
    const { decay, strength } = gates(shape, data, at);
    for (let i = 0; i < K; i++)
      for (let j = 0; j < V; j++) {
        dS[i * V + j]! += q![at * K + i]! * d[at * V + j]!;
        dv[t * V + j]! += strength * k![at * K + i]! * dS[i * V + j]!;
      }
    for (let i = 0; i < K; i++) {
      const kept = decay(i);
      const key = correcting(shape) ? k![at * K + i]! : 0;
      for (let j = 0; j < V; j++) dS[i * V + j] = kept * (dS[i * V + j]! - key * dv[t * V + j]!);
    }
  }
  return dv;
}

/** Some entries of the first and the last head. */
function samples(shape: Shape, ofHead: (head: number) => Float64Array): Sample[] {
  const { T, H, V } = shape;
  return [0, H - 1].flatMap((head) => {
    const values = ofHead(head);
    return somePlaces(T * V, 256).map((place) => ({
      index: (Math.floor(place / V) * H + head) * V + (place % V),
      value: values[place]!,
    }));
  });
}

function workOf(shape: Shape, gradient: boolean): KernelCase['work'] {
  const { T, H, K, V } = shape;
  const gate = decaysPerKey(shape) ? K : 1;
  const strength = correcting(shape) ? 1 : 0;
  const forward = { bytes: 2 * K * V + T * (2 * K + 2 * V + gate + strength), flops: correcting(shape) ? 7 : 5 };
  // The operands and the cotangent once more, and a cotangent of each operand.
  const back = gradient ? { bytes: 2 * K * V + T * (4 * K + 3 * V + 2 * (gate + strength)), flops: correcting(shape) ? 20 : 12 } : { bytes: 0, flops: 0 }; // prettier-ignore
  return { bytes: 4 * H * (forward.bytes + back.bytes), flops: T * H * K * V * (forward.flops + back.flops) };
}

const sizeName = ({ T, H, K, V }: Shape): string => `${T} of ${H} heads ${K}×${V}`;

/** One token, over `units` states one after another, each with the outputs of the last as its values. */
function tokenCase(shape: Shape, units: number): KernelCase {
  const { H, K, V } = shape;
  const [q, k, v, S, g, beta] = operands(shape) as [CaseInput, CaseInput, CaseInput, CaseInput, CaseInput, CaseInput];
  return {
    group: 'delta-rule',
    shape: `${shape.name} recurrent, ${sizeName(shape)}`,
    dtype: 'f32',
    inputs: [q, k, v, S, g, beta, ...Array.from({ length: units - 1 }, () => f32(1, H, K, V))],
    build(x) {
      const call = callOf(shape, x);
      let { v } = call;
      for (const state of [x[3]!, ...x.slice(6)]) v = linearAttentionRecurrent({ ...call, v, S: state }).o;
      return v;
    },
    units,
    work: workOf(shape, false),
    check: (data) =>
      samples(shape, (head) => {
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

/** A prompt by chunks, alone or with the gradient of all operands. */
function promptCase(
  shape: Shape,
  { chunk = 64, gradient = false }: { readonly chunk?: number; readonly gradient?: boolean } = {},
): KernelCase {
  // prettier-ignore
  const inputs = operands(shape);
  return {
    group: 'delta-rule',
    shape: `${shape.name} by chunks of ${chunk}${gradient ? ', forward and backward' : ''}, ${sizeName(shape)}`,
    dtype: 'f32',
    inputs: gradient ? inputs : inputs.slice(0, 6),
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
    check: (data) => samples(shape, (head) => (gradient ? headGradient : headOutput)(shape, data, head)),
    tolerance: 2e-4,
  };
}

/** Linear attention of several papers: a token, prompts, and training over them. */
export function linearAttentionCases(scale: Scale): KernelCase[] {
  const names = ['GLA', 'Gated DeltaNet', 'KDA', 'RetNet'] as const;
  if (scale === 'dry') {
    const tiny = { T: 11, H: 2, K: 8, V: 12 };
    return (['GLA', 'Gated DeltaNet'] as const).flatMap((name) => [
      tokenCase({ ...tiny, name, T: 1 }, 2),
      promptCase({ ...tiny, name }, { chunk: 8 }),
      promptCase({ ...tiny, name }, { chunk: 8, gradient: true }),
    ]);
  }
  const heads = { H: 16, K: 128, V: 128 };
  const both = (name: Shape['name'], T: number): KernelCase[] =>
    [false, true].map((gradient) => promptCase({ ...heads, name, T }, { gradient }));
  const rows = (['GLA', 'Gated DeltaNet'] as const).flatMap((name) => both(name, 2048));
  if (scale === 'quick') return rows;
  return [
    ...names.map((name) => tokenCase({ ...heads, name, T: 1 }, 64)),
    ...rows,
    ...(['GLA', 'Gated DeltaNet'] as const).flatMap((name) => both(name, 16_384)),
    ...(['KDA', 'RetNet'] as const).flatMap((name) => both(name, 2048)),
    ...(['GLA', 'Gated DeltaNet'] as const).map((name) => promptCase({ ...heads, name, T: 2048 }, { chunk: 32 })),
  ];
}
