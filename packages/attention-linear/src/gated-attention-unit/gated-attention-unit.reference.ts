/** Learned tensors by name, row-major. */
export type UnitParams = Readonly<Record<string, ArrayLike<number>>>;

/** Sizes: D width, K and E elements of a key and a value, w entries of a group, J taps (0: none). */
export interface UnitSizes {
  readonly D: number;
  readonly K: number;
  readonly E: number;
  readonly w: number;
  readonly J: number;
}

/** Which of the official code's forms: its flags `softmax`, `square`, `causal`, `shift_tokens`. */
export interface UnitForm {
  readonly quadratic?: 'softmax' | 'square';
  readonly causal: boolean;
  readonly shift: boolean;
}

const sigma = (z: number): number => 1 / (1 + Math.exp(-z));
const silu = (z: number): number => z * sigma(z);
const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((total, z, i) => total + z * b[i]!, 0);

/** The bucket of T5 as `flash_pytorch.py` counts it, 32 of them up to 128. */
function bucket(distance: number, causal: boolean): number {
  const half = causal ? 32 : 16;
  const first = !causal && distance < 0 ? half : 0;
  const n = causal ? Math.max(distance, 0) : Math.abs(distance);
  if (n < half / 2) return first + n;
  const far = half / 2 + Math.trunc((Math.log(n / (half / 2)) / Math.log(128 / (half / 2))) * (half / 2) + 1e-9);
  return first + Math.min(far, half - 1);
}

/**
 * The unit as `FLASH.forward` of the official code writes it, without the norm before it and the residual, by sums over pairs.
 * @param x - rows `[D]`, normed
 * @see You et al. 2024, arXiv:2406.07368
 */
export function unitReference(
  x: readonly (readonly number[])[],
  p: UnitParams,
  { D, K, E, w, J }: UnitSizes,
  { quadratic, causal, shift }: UnitForm,
): number[][] {
  const T = x.length;
  const row = (name: string, index: number, size: number): number[] =>
    Array.from({ length: size }, (_, i) => p[name]![index * size + i]!);
  const map = (name: string, z: readonly number[]): number[] =>
    Array.from(p[`${name}_bias`]!, (b, i) => b + dot(row(`${name}_proj`, i, z.length), z));
  const half = Math.ceil(D / 2);
  const shifted = x.map((x_t, t) =>
    shift ? x_t.map((value, i) => (i < half ? (t === 0 ? 0 : x[t - 1]![i]!) : value)) : x_t,
  );
  const hidden = shifted.map((x_t) => map('hidden', x_t).map(silu));
  const v = hidden.map((h) => h.slice(0, E));
  const shared = shifted.map((x_t) => map('qk', x_t).map(silu));
  const use = (index: number): number[][] =>
    shared.map((z) => z.map((value, i) => value * row('gamma', index, K)[i]! + row('beta', index, K)[i]!));
  const bias = (t: number, s: number): number => p['relative_bias']![bucket(t - s, causal)]! * Math.sqrt(K);
  const relu2 = (z: number): number => Math.max(z, 0) ** 2;
  return x.map((_, t) => {
    const weights = Array.from({ length: T }, (): number => 0);
    if (quadratic) {
      const [q, k] = [use(0), use(1)];
      const seen = Array.from({ length: causal ? t + 1 : T }, (__, s) => s);
      const scores = seen.map((s) => dot(q[t]!, k[s]!) / T + bias(t, s));
      if (quadratic === 'square') for (const s of seen) weights[s] = relu2(scores[s]! / T);
      else {
        const total = scores.reduce((sum, score) => sum + Math.exp(score), 0);
        for (const s of seen) weights[s] = Math.exp(scores[s]!) / total;
      }
    } else {
      const [q, lq, k, lk] = [use(0), use(1), use(2), use(3)];
      for (let s = 0; s < T; s++) {
        const [own, other] = [Math.floor(t / w), Math.floor(s / w)];
        if (own === other && (!causal || s <= t)) weights[s] = relu2(dot(q[t]!, k[s]!) / w + bias(t, s));
        if (causal ? other < own : true) weights[s] = weights[s]! + dot(lq[t]!, lk[s]!) / (causal ? w : T);
      }
    }
    const o = Array.from({ length: E }, (__, e) => weights.reduce((total, weight, s) => total + weight * v[s]![e]!, 0));
    for (let j = 0; !quadratic && j < J && j <= t; j++)
      for (let e = 0; e < E; e++) o[e] = o[e]! + p['conv']![J - 1 - j]! * v[t - j]![e]!;
    return map(
      'o',
      o.map((value, e) => value * hidden[t]![E + e]!),
    );
  });
}
