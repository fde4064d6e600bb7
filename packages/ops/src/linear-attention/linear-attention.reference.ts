import type { Dense } from '../array.reference.ts';
import { dense, get } from '../array.reference.ts';

/** What {@link linearAttentionReference} is given, as `linearAttentionRecurrent`, with as many heads of keys as of values. */
export interface LinearAttentionReferenceCall {
  readonly q: Dense;
  readonly k: Dense;
  readonly v: Dense;
  readonly S: Dense;
  readonly g?: Dense;
  readonly beta?: Dense;
  /** Parent of each entry, −1: it follows the state `S`. Absent: a chain. */
  readonly parents?: readonly number[];
}

/**
 * S_t = (I − β_t k_tᵀ k_t) diag(e^{g_t}) S_π(t) + β_t k_tᵀ v_t, o_t = q_t S_t, one element at a time; without β S_t = diag(e^{g_t}) S_π(t) + k_tᵀ v_t.
 * @returns o and the state after each entry `[B, T, H, K, V]`
 */
export function linearAttentionReference({ q, k, v, S: S0, g, beta, parents }: LinearAttentionReferenceCall): {
  o: Dense;
  states: Dense;
} {
  const [B, T, H, K] = q.shape as [number, number, number, number];
  const V = v.shape[3]!;
  const o = dense([B, T, H, V], () => 0);
  const states = dense([B, T, H, K, V], () => 0);
  for (let b = 0; b < B; b++)
    for (let h = 0; h < H; h++)
      for (let t = 0; t < T; t++) {
        const parent = parents ? parents[t]! : t - 1;
        const before = (i: number, j: number): number =>
          parent < 0 ? get(S0, b, h, i, j) : get(states, b, parent, h, i, j);
        const gate = (i: number): number =>
          g ? Math.exp(g.shape.length === 4 ? get(g, b, t, h, i) : get(g, b, t, h)) : 1;
        const strength = beta ? get(beta, b, t, h) : 1;
        for (let i = 0; i < K; i++)
          for (let j = 0; j < V; j++) {
            let value = gate(i) * before(i, j) + strength * get(k, b, t, h, i) * get(v, b, t, h, j);
            if (beta)
              for (let l = 0; l < K; l++)
                value -= strength * get(k, b, t, h, i) * get(k, b, t, h, l) * gate(l) * before(l, j);
            states.data[(((b * T + t) * H + h) * K + i) * V + j] = value;
            o.data[((b * T + t) * H + h) * V + j]! += get(q, b, t, h, i) * value;
          }
      }
  return { o, states };
}

/** The state after the last entry, from the states after each. */
export function lastState(S0: Dense, states: Dense): Dense {
  const [B, T, H, K, V] = states.shape as [number, number, number, number, number];
  if (T === 0) return S0;
  return dense([B, H, K, V], (place) => {
    const b = Math.floor(place / (H * K * V));
    return states.data[(b * T + T - 1) * H * K * V + (place % (H * K * V))]!;
  });
}
