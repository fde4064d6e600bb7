/** A row of numbers. */
export type Row = readonly number[];

/** One head of a contextual memory, in the paper's symbols. Maps are lists of rows, `[d][D]`. */
export interface ContextualHead {
  readonly phi: readonly Row[];
  readonly psi: readonly Row[];
  readonly beta: number;
  readonly kappa: number;
  readonly nu: number;
  readonly c: number;
}

const dot = (a: Row, b: Row): number => a.reduce((total, value, i) => total + value * b[i]!, 0);
const times = (y: Row, by: number): number[] => y.map((value) => value * by);
const plus = (a: Row, b: Row): number[] => a.map((value, i) => value + b[i]!);
const unit = (y: Row): number[] => times(y, 1 / Math.sqrt(dot(y, y) + 1e-20));

/** x W of a row, W as rows `[d][D]`. */
export function project(W: readonly Row[], x: Row): number[] {
  return W.map((row) => dot(row, x));
}

/**
 * Unit keys n(k̄_t), one entry after another.
 * @param average - true: u_t comes with the factor 1 − λ that an average has
 */
function unitKeysOf(x: readonly Row[], phi: readonly Row[], beta: number, average = false): number[][] {
  const lambda = Math.exp(-beta);
  let k: Row = phi.map(() => 0);
  return x.map((x_t) => {
    k = plus(times(k, lambda), times(project(phi, x_t), average ? 1 - lambda : 1));
    return unit(k);
  });
}

/** Values v_0 … v_{T−2}: the last one of the sequence is not known yet. */
export function valuesOf(x: readonly Row[], { psi, nu, c }: ContextualHead): number[][] {
  const p = x.map((x_t) => project(psi, x_t));
  return p.slice(1).map((next, t) => times(unit(plus(times(next, 1 - c), times(p[t]!, c))), Math.exp(nu)));
}

/** How {@link contextualHeadReference} differs from the plain form. */
interface ReferenceOptions {
  /** True: u_t comes with the factor 1 − λ that an average has. */
  readonly average?: boolean;
  /** Whether entry t sees the pair that entry e has completed. */
  readonly sees?: (t: number, e: number) => boolean;
}

/**
 * Nadaraya–Watson over the pairs before each entry, with a Gaussian kernel of bandwidth e^{−κ} over unit keys:
 * y_t = Σ_{s < t} G(t, s) v_s / Σ_{s < t} G(t, s), G = e^{−‖n_t − n_s‖² / (2 e^{−2κ})}; y_0 = 0.
 */
export function contextualHeadReference(
  x: readonly Row[],
  head: ContextualHead,
  { average = false, sees = () => true }: ReferenceOptions = {},
): number[][] {
  const keys = unitKeysOf(x, head.phi, head.beta, average);
  const values = valuesOf(x, head);
  const bandwidth = Math.exp(-head.kappa);
  return keys.map((k_t, t) => {
    const weights = keys.slice(0, t).map((k_s, s) => {
      if (!sees(t, s + 1)) return 0;
      const apart = plus(k_t, times(k_s, -1));
      return Math.exp(-dot(apart, apart) / (2 * bandwidth ** 2));
    });
    const total = weights.reduce((a, b) => a + b, 0);
    return weights.reduce<number[]>((y, w, s) => plus(y, times(values[s]!, w / (total || 1))), head.psi.map(() => 0)); // prettier-ignore
  });
}

/** One head of a persistent memory: y_t = e^ν Σ_i softmax_i(e^{2κ} n(k̄_t) · P^k_i) P^v_i. */
export function persistentHeadReference(
  x: readonly Row[],
  { phi, beta, kappa, nu, Pk, Pv }: Omit<ContextualHead, 'psi' | 'c'> & { readonly Pk: readonly Row[]; readonly Pv: readonly Row[] }, // prettier-ignore
): number[][] {
  return unitKeysOf(x, phi, beta).map((key) => {
    const weights = Pk.map((stored) => Math.exp(Math.exp(2 * kappa) * dot(key, stored)));
    const total = weights.reduce((a, b) => a + b, 0);
    return weights.reduce<number[]>((y, w, i) => plus(y, times(Pv[i]!, (Math.exp(nu) * w) / total)), phi.map(() => 0)); // prettier-ignore
  });
}
