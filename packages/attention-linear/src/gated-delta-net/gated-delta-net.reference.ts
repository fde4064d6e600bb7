/** Sizes: D width, P key heads, H value heads, K and V elements of a key and a value, J taps. */
export interface ReferenceSizes {
  readonly D: number;
  readonly P: number;
  readonly H: number;
  readonly K: number;
  readonly V: number;
  readonly J: number;
}

/** Learned tensors by name, row-major. */
export type ReferenceParams = Readonly<
  Record<
    | 'q_proj'
    | 'k_proj'
    | 'v_proj'
    | 'a_proj'
    | 'b_proj'
    | 'g_proj'
    | 'o_proj'
    | 'q_conv'
    | 'k_conv'
    | 'v_conv'
    | 'A_log'
    | 'dt_bias'
    | 'o_norm',
    Float64Array
  >
>;

const sigma = (z: number): number => 1 / (1 + Math.exp(-z));
const silu = (z: number): number => z * sigma(z);
const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((total, z, i) => total + z * b[i]!, 0);

/** `x W ᵀ` for one row, `W [rows, x.length]`. */
function project(W: Float64Array, x: readonly number[]): number[] {
  return Array.from({ length: W.length / x.length }, (_, row) =>
    x.reduce((total, value, i) => total + W[row * x.length + i]! * value, 0),
  );
}

/** The last `J` of a list of rows through a depthwise filter `w [C, J]`, and SiLU. */
function convolve(w: Float64Array, rows: readonly (readonly number[])[], J: number): number[] {
  return rows.at(-1)!.map((_, c) => {
    let total = 0;
    for (let j = 0; j < J; j++) total += w[c * J + j]! * (rows.at(j - J)?.[c] ?? 0);
    return silu(total);
  });
}

function unit(z: readonly number[]): number[] {
  const length = Math.sqrt(dot(z, z) + 1e-6);
  return z.map((value) => value / length);
}

/**
 * Gated DeltaNet one position after another, as the paper writes it; column vectors, so that our state is its transpose:
 * S_t = S_{t−1} (α_t (I − β_t k_t k_tᵀ)) + β_t v_t k_tᵀ, o_t = S_t q_t / √K.
 * @param x - rows `[D]`
 * @returns rows `[D]`
 * @see Yang et al. 2024, arXiv:2412.06464, eq. 10 and figure 1.
 */
export function gatedDeltaNetReference(
  x: readonly (readonly number[])[],
  p: ReferenceParams,
  { P, H, K, V, J }: ReferenceSizes,
  { strongest, eps }: { readonly strongest: 1 | 2; readonly eps: number },
): number[][] {
  const part = (z: readonly number[], head: number, size: number): number[] => z.slice(head * size, (head + 1) * size);
  const S = Array.from({ length: H }, () => Array.from({ length: V }, () => new Array<number>(K).fill(0)));
  const [qs, ks, vs]: number[][][] = [[], [], []];
  return x.map((x_t) => {
    qs!.push(project(p.q_proj, x_t));
    ks!.push(project(p.k_proj, x_t));
    vs!.push(project(p.v_proj, x_t));
    const q_t = convolve(p.q_conv, qs!, J);
    const k_t = convolve(p.k_conv, ks!, J);
    const v_t = convolve(p.v_conv, vs!, J);
    const [a_t, b_t, gate_t] = [project(p.a_proj, x_t), project(p.b_proj, x_t), project(p.g_proj, x_t)];
    const y = Array.from({ length: H }, (_, h) => {
      const shared = Math.floor((h * P) / H);
      const [q, k, v] = [unit(part(q_t, shared, K)), unit(part(k_t, shared, K)), part(v_t, h, V)];
      const alpha = Math.exp(-Math.exp(p.A_log[h]!) * Math.log1p(Math.exp(a_t[h]! + p.dt_bias[h]!)));
      const beta = strongest * sigma(b_t[h]!);
      S[h] = S[h]!.map((row, i) => {
        const read = dot(row, k);
        return row.map((s, j) => alpha * (s - beta * read * k[j]!) + beta * v[i]! * k[j]!);
      });
      const o = S[h].map((row) => dot(row, q) / Math.sqrt(K));
      const rms = Math.sqrt(dot(o, o) / V + eps);
      return o.map((value, i) => (value / rms) * p.o_norm[i]! * silu(gate_t[h * V + i]!));
    });
    return project(p.o_proj, y.flat());
  });
}
