import type { Op, Tensor } from '@tessera/tensor-core';
import {
  ShapeError,
  add,
  apply,
  concat,
  expandDims,
  gather,
  iota,
  less,
  mul,
  reshape,
  sameShape,
  showShape,
  split,
  where,
} from '@tessera/tensor-core';
import type { ActivationName } from './activation.ts';
import { activations } from './activation.ts';
import { causalConvolution } from './causal-convolution.ts';
import { l2Normalize } from './norm.ts';
import { shortConvolutionsKernel } from './short-convolutions.wgsl.ts';

/** What becomes of one stream after its convolution. */
export interface ConvolvedStream {
  /** Heads into which its channels are cut. */
  readonly heads: number;
  /** Divides each head by its length √(Σ x² + eps) and multiplies it by `scale`. @defaultValue none */
  readonly normalize?: { readonly scale: number; readonly eps: number };
}

/** Attributes of {@link shortConvolutionsOp}. */
export interface ShortConvolutionsAttributes {
  readonly activation: ActivationName;
  readonly streams: readonly ConvolvedStream[];
}

/** Op: convolutions of several streams with a common history. See {@link shortConvolutions}. */
export const shortConvolutionsOp: Op<ShortConvolutionsAttributes> = {
  id: '@tessera/ops:short-convolutions',
  infer([weight, history, lengths, ...x], { streams }) {
    const [B, T] = x[0]!.shape as [number, number];
    const C = x.reduce((total, { shape }) => total + shape[2]!, 0);
    const J = weight!.shape[1]!;
    const fits =
      sameShape(weight!.shape, [C, J]) &&
      J >= 1 &&
      sameShape(history!.shape, [B, J - 1, C]) &&
      sameShape(lengths!.shape, [B]) &&
      lengths!.dtype === 'i32' &&
      x.length === streams.length &&
      x.every(({ shape }, i) => sameShape(shape, [B, T, shape[2]!]) && shape[2]! % streams[i]!.heads === 0);
    if (!fits)
      throw new ShapeError(
        `shortConvolutions: weight ${showShape(weight!.shape)}, history ${showShape(history!.shape)}, lengths ${lengths!.dtype}${showShape(lengths!.shape)}, x ${x.map(({ shape }) => showShape(shape)).join(', ')} in ${streams.map(({ heads }) => heads).join(', ')} heads do not fit: ` +
          `expected [C, J], [B, J − 1, C], i32[B], and [B, T, channels] for each stream, channels a multiple of its heads, C channels in all, J from 1.`,
      );
    const heads = x.map(({ shape }, i) => [B, T, streams[i]!.heads, shape[2]! / streams[i]!.heads]);
    return [...heads, history!.shape].map((shape) => ({ shape, dtype: 'f32' }));
  },
  definition([weight, history, lengths, ...x], { activation, streams }) {
    const T = x[0]!.shape[1]!;
    const J = weight!.shape[1]!;
    const length = expandDims(lengths!, 1);
    const input = where(expandDims(less(expandDims(iota([T]), 0), length), 2), concat(x, 2), 0);
    const y = activations[activation](causalConvolution(input, weight!, history!));
    const channels = x.map(({ shape }) => shape[2]!);
    const parts = split(y, 2, channels).map((part, i) => {
      const { heads, normalize } = streams[i]!;
      const cut = reshape(part, [...part.shape.slice(0, 2), heads, channels[i]! / heads]);
      return normalize ? mul(l2Normalize(cut, normalize.eps), normalize.scale) : cut;
    });
    const last = add(length, expandDims(iota([J - 1]), 0)); // of [history | x], the J − 1 before entry `lengths`
    return [...parts, gather(concat([history!, input], 1), last, { batchDims: 1 })];
  },
  kernels: [shortConvolutionsKernel],
};

/** What {@link shortConvolutions} is given. */
export interface ShortConvolutionsCall extends ShortConvolutionsAttributes {
  /** The streams, `[B, T, channels]` each. */
  readonly x: readonly Tensor[];
  /** `[C, J]`: the taps of all channels, stream after stream, the current entry's last. */
  readonly weight: Tensor;
  /** What came before, `[B, J − 1, C]`; zeros at the start. */
  readonly history: Tensor;
  /** Entries of each row that count, `[B]`, i32; the others are taken as zeros. */
  readonly lengths: Tensor;
}

/**
 * Depthwise causal convolutions of a few taps over several streams, as linear attention has them over queries, keys and values:
 * the convolution, an activation, and for some streams heads of length 1.
 * @returns each stream `[B, T, heads, channels / heads]`, and the last J − 1 entries that count, `[B, J − 1, C]`
 * @see Yang et al. 2024, arXiv:2412.06464, figure 1; the convolution: Gu and Dao 2023, arXiv:2312.00752, section 3.4.
 */
export function shortConvolutions({ x, weight, history, lengths, activation, streams }: ShortConvolutionsCall): {
  y: Tensor[];
  history: Tensor;
} {
  const made = apply(shortConvolutionsOp, [weight, history, lengths, ...x], { activation, streams });
  return { y: made.slice(0, -1), history: made.at(-1)! };
}
