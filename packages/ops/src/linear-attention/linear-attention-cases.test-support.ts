import type { Tensor } from '@tessera/tensor-core';
import type { Dense } from '../array.reference.ts';
import { dense, randomDense, real } from '../array.reference.ts';
import type { LinearAttentionCall, LinearAttentionVariant } from './linear-attention-call.ts';
import type { LinearAttentionReferenceCall } from './linear-attention.reference.ts';

/** Every kind of decay, with and without the delta rule. */
export const variants: readonly LinearAttentionVariant[] = (['none', 'scalar', 'vector'] as const).flatMap((decay) =>
  [false, true].map((delta) => ({ decay, delta })),
);

/** A variant in words. */
export function nameOf({ decay, delta }: LinearAttentionVariant): string {
  return `${decay} decay, ${delta ? 'delta rule' : 'values added'}`;
}

/** Keys of length 1, as layers make them. */
export function unit(x: Dense): Dense {
  const K = x.shape.at(-1)!;
  return dense(x.shape, (place) => {
    const row = x.data.subarray(place - (place % K), place - (place % K) + K);
    return Math.fround(x.data[place]! / Math.hypot(...row));
  });
}

/** Sizes of a call. */
export interface CallSizes {
  readonly B?: number;
  readonly H?: number;
  readonly K?: number;
  readonly V?: number;
}

/** Operands of T entries as a layer makes them: keys of length 1, gates up to 0, strengths in (0, 1). */
export function operands(
  T: number,
  { decay, delta }: LinearAttentionVariant,
  { B = 1, H = 2, K = 4, V = 3 }: CallSizes = {},
): LinearAttentionReferenceCall {
  return {
    q: randomDense([B, T, H, K], 1),
    k: unit(randomDense([B, T, H, K], 2)),
    v: randomDense([B, T, H, V], 3),
    S: randomDense([B, H, K, V], 6),
    ...(decay !== 'none' && { g: randomDense(decay === 'scalar' ? [B, T, H] : [B, T, H, K], 4, -1, 0) }),
    ...(delta && { beta: randomDense([B, T, H], 5, 0, 1) }),
  };
}

/** The operands as constants. */
export function constants({ q, k, v, S, g, beta }: LinearAttentionReferenceCall): LinearAttentionCall {
  const made = (x: Dense | undefined): Tensor | undefined => x && real(x);
  return { q: real(q), k: real(k), v: real(v), S: real(S), g: made(g), beta: made(beta) };
}

/** Some of the entries of all operands but the state: `x [B, T, …]` from `start` to before `stop`. */
export function entries(call: LinearAttentionReferenceCall, start: number, stop: number): LinearAttentionReferenceCall {
  const part = (x: Dense): Dense => {
    const [B, T, ...rest] = x.shape as [number, number, ...number[]];
    const row = rest.reduce((a, b) => a * b, 1);
    const n = stop - start;
    return dense(
      [B, n, ...rest],
      (place) => x.data[(Math.floor(place / (n * row)) * T + start) * row + (place % (n * row))]!,
    );
  };
  const { q, k, v, S, g, beta } = call;
  return { q: part(q), k: part(k), v: part(v), S, ...(g && { g: part(g) }), ...(beta && { beta: part(beta) }) };
}
