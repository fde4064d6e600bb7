import { linearAttentionChunked, linearAttentionRecurrent } from '@tessera/ops';
import type { HostArray, Tensor, TensorType } from '@tessera/tensor-core';
import { abs, neg, sigmoid } from '@tessera/tensor-core';
import type { CaseInput, KernelCase, Sample } from '../kernel-case.ts';
import { somePlaces } from '../kernel-case.ts';
import type { Scale } from '../scale.ts';

/** Sizes of one call for one row. */
interface Size {
  readonly T: number;
  readonly H: number;
  readonly K: number;
  readonly V: number;
}

const f32 = (...shape: number[]): TensorType => ({ shape, dtype: 'f32' });

/** q, k, v, what the log decays and what the strengths are made of. Keys have a length of about 1, as layers make them. */
function operands({ T, H, K, V }: Size): CaseInput[] {
  const unit = Math.sqrt(3 / K);
  return [
    { ...f32(1, T, H, K), scale: unit },
    { ...f32(1, T, H, K), scale: unit },
    f32(1, T, H, V),
    { ...f32(1, T, H), scale: 0.1 },
    { ...f32(1, T, H), scale: 3 },
  ];
}

/**
 * One head in float64, element by element: S̃ = e^g S; S ← S̃ + β kᵀ (v − k S̃); o = q S.
 * @returns the output `[T, V]`
 */
function headOutput(
  [q, k, v, g, beta, S0]: readonly ArrayLike<number>[],
  head: number,
  { T, H, K, V }: Size,
): Float64Array {
  const S = Float64Array.from({ length: K * V }, (_, i) => S0![head * K * V + i]!);
  const o = new Float64Array(T * V);
  for (let t = 0; t < T; t++) {
    const at = t * H + head;
    const decay = Math.exp(-Math.abs(g![at]!));
    const strength = 1 / (1 + Math.exp(-beta![at]!));
    for (let i = 0; i < K * V; i++) S[i]! *= decay;
    for (let j = 0; j < V; j++) {
      let read = 0;
      for (let i = 0; i < K; i++) read += k![at * K + i]! * S[i * V + j]!;
      const u = strength * (v![at * V + j]! - read);
      for (let i = 0; i < K; i++) {
        S[i * V + j]! += k![at * K + i]! * u;
        o[t * V + j]! += q![at * K + i]! * S[i * V + j]!;
      }
    }
  }
  return o;
}

function workOf({ T, H, K, V }: Size): KernelCase['work'] {
  return { bytes: 4 * H * (2 * K * V + T * (2 * K + 2 * V + 2)), flops: T * H * 7 * K * V };
}

/** Entries one after another, in a run over `units` states, each with the outputs of the last as its values. */
function recurrentCase(size: Size, units: number): KernelCase {
  const { T, H, K, V } = size;
  return {
    group: 'delta-rule',
    shape: `recurrent, ${T} of ${H} heads ${K}×${V}`,
    dtype: 'f32',
    inputs: [...operands(size), ...Array.from({ length: units }, () => f32(1, H, K, V))],
    build: ([q, k, first, g, beta, ...states]) => {
      const [decay, strength] = [neg(abs(g!)), sigmoid(beta!)];
      let v = first!;
      for (const S of states) v = linearAttentionRecurrent({ q: q!, k: k!, v, g: decay, beta: strength, S }).o;
      return v;
    },
    units,
    work: workOf(size),
    check: ([q, k, first, g, beta, ...states]) =>
      [0, H - 1].flatMap((head) => {
        let v = first as ArrayLike<number>;
        for (const S of states) {
          const o = headOutput([q!, k!, v, g!, beta!, S], head, size);
          v = Float64Array.from({ length: T * H * V }, (_, i) => {
            const [t, h] = [Math.floor(i / (H * V)), Math.floor(i / V) % H];
            return h === head ? o[t * V + (i % V)]! : 0;
          });
        }
        return samplesOf(v, head, size);
      }),
    tolerance: 1e-4,
  };
}

/** A prompt by chunks. */
function chunkedCase(size: Size, chunk: number): KernelCase {
  const { T, H, K, V } = size;
  return {
    group: 'delta-rule',
    shape: `chunks of ${chunk}, ${T} of ${H} heads ${K}×${V}`,
    dtype: 'f32',
    inputs: [...operands(size), f32(1, H, K, V)],
    build: ([q, k, v, g, beta, S]: readonly Tensor[]) =>
      linearAttentionChunked({ q: q!, k: k!, v: v!, g: neg(abs(g!)), beta: sigmoid(beta!), S: S! }, { chunk }).o,
    units: 1,
    work: workOf(size),
    check: (data: readonly HostArray[]) =>
      [0, H - 1].flatMap((head) => {
        const o = headOutput(data, head, size);
        const all = new Float64Array(T * H * V);
        for (let t = 0; t < T; t++) all.set(o.subarray(t * V, (t + 1) * V), (t * H + head) * V);
        return samplesOf(all, head, size);
      }),
    tolerance: 2e-4,
  };
}

/** Some entries of a head. */
function samplesOf(o: ArrayLike<number>, head: number, { T, H, V }: Size): Sample[] {
  return somePlaces(T * V, 256).map((place) => {
    const index = (Math.floor(place / V) * H + head) * V + (place % V);
    return { index, value: o[index]! };
  });
}

/** The gated delta rule: a token, a draft, prompts. */
export function deltaRuleCases(scale: Scale): KernelCase[] {
  const heads = { H: 16, K: 128, V: 128 };
  if (scale === 'dry') {
    const tiny = { H: 2, K: 8, V: 12 };
    return [recurrentCase({ T: 2, ...tiny }, 2), chunkedCase({ T: 11, ...tiny }, 8)];
  }
  const rows = [recurrentCase({ T: 1, ...heads }, 64), chunkedCase({ T: 2048, ...heads }, 32)];
  if (scale === 'quick') return rows;
  return [
    ...rows,
    recurrentCase({ T: 1, H: 32, K: 128, V: 128 }, 32),
    ...[8, 16, 64, 128].map((T) => recurrentCase({ T, ...heads }, 8)),
    ...[64, 128, 512, 8192].map((T) => chunkedCase({ T, ...heads }, 32)),
    chunkedCase({ T: 2048, ...heads }, 64),
    chunkedCase({ T: 2048, H: 4, K: 128, V: 128 }, 32),
    chunkedCase({ T: 2047, H: 16, K: 96, V: 192 }, 32),
  ];
}
