/** Sizes and settings: H heads of d elements, groups of w, J taps. */
export interface GroupedReference {
  readonly H: number;
  readonly d: number;
  readonly w: number;
  /** `[H][J]`, the current entry's tap last. */
  readonly omega: readonly (readonly number[])[];
  readonly alphaLocal: number;
  readonly alphaGlobal: number;
}

const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((total, z, i) => total + z * b[i]!, 0);

function unit(z: readonly number[]): number[] {
  const length = Math.sqrt(dot(z, z) + 1e-6);
  return z.map((value) => value / length);
}

/**
 * The heads' outputs at every position, one after another, with the sums written out:
 * o_t = α_l Σ_{s≤t, γ(s)=γ(t)} relu(q_t·k_s)² v_s + α_g Σ_{γ(s)<γ(t)} (q_t·k_s) v_s + Σ_j ω[j] v_{t−j}.
 * @param q - rows of heads, `[T][H][d]`, as `k` and `v`
 * @see You et al. 2024, arXiv:2406.07368
 */
export function groupedReference(
  q: readonly (readonly (readonly number[])[])[],
  k: readonly (readonly (readonly number[])[])[],
  v: readonly (readonly (readonly number[])[])[],
  { H, d, w, omega, alphaLocal, alphaGlobal }: GroupedReference,
): number[][] {
  const gamma = (t: number): number => Math.floor(t / w);
  return q.map((q_t, t) =>
    Array.from({ length: H }, (_, h) => {
      const o = Array.from({ length: d }, () => 0);
      const gather = (weight: number, values: readonly number[]): void =>
        values.forEach((value, i) => (o[i] = o[i]! + weight * value));
      for (let s = 0; s <= t; s++) {
        const likeness = dot(unit(q_t[h]!), unit(k[s]![h]!));
        if (gamma(s) === gamma(t)) gather(alphaLocal * Math.max(likeness, 0) ** 2, v[s]![h]!);
        else gather(alphaGlobal * likeness, v[s]![h]!);
      }
      const taps = omega[h]!;
      for (let j = 0; j < taps.length && j <= t; j++) gather(taps[taps.length - 1 - j]!, v[t - j]![h]!);
      return o;
    }).flat(),
  );
}
