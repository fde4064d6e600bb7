import type { Dense } from './array.reference.ts';
import { dense, get } from './array.reference.ts';

/** What {@link gatedDeltaRuleReference} is given, as `gatedDeltaRuleRecurrent`. */
export interface GatedDeltaRuleReferenceCall {
  readonly q: Dense;
  readonly k: Dense;
  readonly v: Dense;
  readonly g: Dense;
  readonly beta: Dense;
  readonly S: Dense;
}

/** S_t = e^{g_t} (I − β_t k_tᵀ k_t) S_{t−1} + β_t k_tᵀ v_t, o_t = q_t S_t, one element at a time. */
export function gatedDeltaRuleReference({ q, k, v, g, beta, S: S0 }: GatedDeltaRuleReferenceCall): {
  o: Dense;
  S: Dense;
} {
  const [B, T, H, K] = q.shape as [number, number, number, number];
  const V = v.shape[3]!;
  const o = dense([B, T, H, V], () => 0);
  const last = dense(S0.shape, (place) => S0.data[place]!);
  for (let b = 0; b < B; b++)
    for (let h = 0; h < H; h++) {
      let S = Array.from({ length: K }, (_, i) => Array.from({ length: V }, (__, j) => get(S0, b, h, i, j)));
      for (let t = 0; t < T; t++) {
        const [decay, strength] = [Math.exp(get(g, b, t, h)), get(beta, b, t, h)];
        const before = S;
        S = before.map((row, i) =>
          row.map((value, j) => {
            let kept = value;
            for (let l = 0; l < K; l++) kept -= strength * get(k, b, t, h, i) * get(k, b, t, h, l) * before[l]![j]!;
            return decay * kept + strength * get(k, b, t, h, i) * get(v, b, t, h, j);
          }),
        );
        for (let j = 0; j < V; j++)
          for (let i = 0; i < K; i++) o.data[((b * T + t) * H + h) * V + j]! += get(q, b, t, h, i) * S[i]![j]!;
      }
      for (let i = 0; i < K; i++) for (let j = 0; j < V; j++) last.data[((b * H + h) * K + i) * V + j] = S[i]![j]!;
    }
  return { o, S: last };
}
