import type { Cost, Op, Tensor, TensorType } from '@tessera/tensor-core';
import { ShapeError, sameShape, showShape, sizeOf } from '@tessera/tensor-core';

/**
 * What linear attention is given in each of its forms. Of its variants, the decay is that of `g`: none, one for a head, or one for
 * each element of a key; with `beta` it is a delta rule.
 */
export interface LinearAttentionCall {
  /** `[B, T, P, K]`, scaled and normalised as the layer wants it. Head h reads head ⌊h · P / H⌋ of queries and keys. */
  readonly q: Tensor;
  /** `[B, T, P, K]` */
  readonly k: Tensor;
  /** `[B, T, H, V]` */
  readonly v: Tensor;
  /** State before the first entry, `[B, H, K, V]`. */
  readonly S: Tensor;
  /**
   * Log decay, `[B, T, H]` or `[B, T, H, K]`, at most 0. 0 keeps the state; below −10 000, −∞ included, it is emptied, as at the
   * start of a document among packed ones. Absent: nothing decays.
   */
  readonly g?: Tensor | undefined;
  /** Writing strength of the delta rule, `[B, T, H]`, in (0, 1) or (0, 2). 0 writes nothing. Absent: values are only added. */
  readonly beta?: Tensor | undefined;
}

/** What linear attention returns. */
export interface LinearAttentionResult {
  /** `[B, T, H, V]` */
  readonly o: Tensor;
  /** State after the last entry, `[B, H, K, V]`, f32. */
  readonly S: Tensor;
}

/** Which of the variants a call is. */
export interface LinearAttentionVariant {
  /** Log decays: `none`, `scalar` `[B, T, H]`, or `vector` `[B, T, H, K]`. */
  readonly decay: 'none' | 'scalar' | 'vector';
  /** Whether values are corrected by what their key reads. */
  readonly delta: boolean;
}

/** Attributes of ops that go by chunks. */
export interface ChunkedAttributes extends LinearAttentionVariant {
  /** C, entries of a chunk. */
  readonly chunk: number;
}

/** Entries of a chunk when T of them are cut into chunks of at most C: of one chunk no more than there are, up to a multiple of four. */
export function chunkLength(T: number, C: number): number {
  return Math.min(C, Math.max(4, 4 * Math.ceil(T / 4)));
}

/** Sizes of a call: batch, entries, heads of keys and of values, elements of a key and of a value. */
export interface LinearAttentionSizes {
  readonly B: number;
  readonly T: number;
  readonly P: number;
  readonly H: number;
  readonly K: number;
  readonly V: number;
}

type Shaped = Pick<TensorType, 'shape'>;

/** The sizes, from `q [B, T, P, K]` and `v [B, T, H, V]`, the first and the third input. */
export function sizesOf([q, , v]: readonly Shaped[]): LinearAttentionSizes {
  const [B, T, P, K] = q!.shape as [number, number, number, number];
  const [, , H, V] = v!.shape as [number, number, number, number];
  return { B, T, P, H, K, V };
}

/** The variant that a call is. */
export function variantOf({ g, beta }: LinearAttentionCall): LinearAttentionVariant {
  return { decay: !g ? 'none' : g.rank === 4 ? 'vector' : 'scalar', delta: beta !== undefined };
}

/** Operands in the order in which ops take them: q, k, v, S, then g and beta where there are such. */
export function inputsOf({ q, k, v, S, g, beta }: LinearAttentionCall): Tensor[] {
  return [q, k, v, S, ...(g ? [g] : []), ...(beta ? [beta] : [])];
}

/** Undoes {@link inputsOf}. What follows those inputs is left aside. */
export function operandsOf<T>(
  inputs: readonly T[],
  { decay, delta }: LinearAttentionVariant,
): { q: T; k: T; v: T; S: T; g: T | undefined; beta: T | undefined } {
  const [q, k, v, S, ...rest] = inputs as readonly [T, T, T, T, ...T[]];
  return {
    q,
    k,
    v,
    S,
    g: decay === 'none' ? undefined : rest[0],
    beta: delta ? rest[decay === 'none' ? 0 : 1] : undefined,
  };
}

/** The shape rule: o and the last state. */
export function inferLinearAttention(
  inputs: readonly TensorType[],
  variant: LinearAttentionVariant,
): ReturnType<Op['infer']> {
  const { q, k, v, S, g, beta } = operandsOf(inputs, variant);
  const { B, T, P, H, K, V } = sizesOf(inputs);
  const fits =
    inputs.slice(0, 4).every(({ shape }) => shape.length === 4) &&
    sameShape(k.shape, [B, T, P, K]) &&
    sameShape(v.shape, [B, T, H, V]) &&
    sameShape(S.shape, [B, H, K, V]) &&
    (!g || sameShape(g.shape, variant.decay === 'scalar' ? [B, T, H] : [B, T, H, K])) &&
    (!beta || sameShape(beta.shape, [B, T, H])) &&
    (P === H || H % P === 0);
  if (!fits)
    throw new ShapeError(
      `linearAttention: ${Object.entries({ q, k, v, S, g, beta })
        .flatMap(([name, type]) => (type ? [`${name} ${showShape(type.shape)}`] : []))
        .join(', ')} do not fit: expected q and k [B, T, P, K], v [B, T, H, V], S [B, H, K, V], ` +
        `g [B, T, H] or [B, T, H, K], beta [B, T, H], with H a multiple of P.`,
    );
  return [
    { shape: [B, T, H, V], dtype: 'f32' },
    { shape: [B, H, K, V], dtype: 'f32' },
  ];
}

/** Work of the recurrence: what is decayed, read by a key, written and read by a query, each over the state. */
export function costOfLinearAttention(
  inputs: readonly TensorType[],
  outputs: readonly TensorType[],
  { decay, delta }: LinearAttentionVariant,
): Cost {
  const { B, T, H, K, V } = sizesOf(inputs);
  const elements = [...inputs, ...outputs].reduce((total, { shape }) => total + sizeOf(shape), 0);
  const each = 4 + (decay === 'none' ? 0 : 1) + (delta ? 2 : 0);
  return { bytes: 4 * elements, flops: B * T * H * each * K * V };
}
