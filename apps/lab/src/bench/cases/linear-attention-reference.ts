import type { HostArray } from '@tessera/tensor-core';
import type { Sample } from '../kernel-case.ts';
import { somePlaces } from '../kernel-case.ts';

/** A member of the family, and the sizes of a call. */
export interface LinearShape {
  readonly mechanism: 'GLA' | 'Gated DeltaNet' | 'KDA' | 'RetNet';
  readonly T: number;
  readonly H: number;
  readonly K: number;
  readonly V: number;
}

/** Whether a state decays by an element of the key, not by the head. */
export function decaysPerKey({ mechanism }: LinearShape): boolean {
  return mechanism === 'GLA' || mechanism === 'KDA';
}

/** Whether it is a delta rule. */
export function correcting({ mechanism }: LinearShape): boolean {
  return mechanism === 'Gated DeltaNet' || mechanism === 'KDA';
}

/** q, k, v, S, g, β and a cotangent of o. */
type Operands = readonly HostArray[];

/** Entries from `first` up to `end`. */
interface Range {
  readonly first: number;
  readonly end: number;
}

/** Decays of the rows forget e^−100 in so many entries, and so may sums. */
const forgotten = 2048;

/** What is compared of a sequence: all of a short one, the ends and the middle of a long one. */
function comparedOf(T: number): Range[] {
  if (T <= 2 * forgotten) return [{ first: 0, end: T }];
  return [0, Math.floor(T / 2), T - 64].map((first) => ({ first, end: first + 64 }));
}

function decayOf(shape: LinearShape, g: HostArray, at: number, i: number): number {
  return Math.exp(decaysPerKey(shape) ? g[at * shape.K + i]! : g[at]!);
}

/** One head, element by element: S̃ = e^g S; S ← S̃ + kᵀ u, u = v or β (v − k S̃); o = q S. → o `[T, V]`, right from `first` to `end` */
export function headOutput(
  shape: LinearShape,
  [q, k, v, S0, g, beta]: Operands,
  head: number,
  { first, end }: Range = { first: 0, end: shape.T },
): Float64Array {
  const { T, H, K, V } = shape;
  const begin = Math.max(0, first - forgotten);
  const S = Float64Array.from({ length: K * V }, (_, i) => (begin === 0 ? S0![head * K * V + i]! : 0));
  const o = new Float64Array(T * V);
  const u = new Float64Array(V);
  for (let t = begin; t < end; t++) {
    const at = t * H + head;
    const strength = correcting(shape) ? beta![at]! : 1;
    for (let i = 0; i < K; i++) {
      const kept = decayOf(shape, g!, at, i);
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

/**
 * dv of one head, from the last entry to the first: dS ← dS + qᵀ do; dv = β k dS; dS ← e^g (dS − kᵀ dv). → `[T, V]`, right from
 * `first` to `end`
 */
export function headGradient(
  shape: LinearShape,
  [q, k, , , g, beta, d]: Operands,
  head: number,
  { first, end }: Range = { first: 0, end: shape.T },
): Float64Array {
  const { T, H, K, V } = shape;
  const dS = new Float64Array(K * V);
  const dv = new Float64Array(T * V);
  for (let t = Math.min(T, end + forgotten) - 1; t >= first; t--) {
    const at = t * H + head;
    const strength = correcting(shape) ? beta![at]! : 1;
    for (let i = 0; i < K; i++)
      for (let j = 0; j < V; j++) {
        dS[i * V + j]! += q![at * K + i]! * d![at * V + j]!;
        dv[t * V + j]! += strength * k![at * K + i]! * dS[i * V + j]!;
      }
    for (let i = 0; i < K; i++) {
      const kept = decayOf(shape, g!, at, i);
      const key = correcting(shape) ? k![at * K + i]! : 0;
      for (let j = 0; j < V; j++) dS[i * V + j] = kept * (dS[i * V + j]! - key * dv[t * V + j]!);
    }
  }
  return dv;
}

/** Some entries of the first and the last head. */
export function sequenceSamples(
  shape: LinearShape,
  ofHead: (head: number, range: Range) => Float64Array,
): readonly Sample[] {
  const { T, H, V } = shape;
  return [0, H - 1].flatMap((head) =>
    comparedOf(T).flatMap((range) => {
      const values = ofHead(head, range);
      return somePlaces((range.end - range.first) * V, 256).map((inRange) => {
        const place = range.first * V + inRange;
        return { index: (Math.floor(place / V) * H + head) * V + (place % V), value: values[place]! };
      });
    }),
  );
}
