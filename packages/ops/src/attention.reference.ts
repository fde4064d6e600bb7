import type { Dense } from './array.reference.ts';
import { dense, get } from './array.reference.ts';

/** What {@link attentionReference} is given, as `attention`. */
export interface AttentionReferenceCall {
  readonly q: Dense;
  readonly k: Dense;
  readonly v: Dense;
  readonly queryPositions: Dense;
  readonly keyPositions: Dense;
  readonly mask?: Dense;
  readonly scale?: number;
  readonly causal?: boolean;
  readonly window?: number;
  readonly softCap?: number;
  readonly pinned?: { readonly slots: number; readonly q: Dense };
  readonly sinkLogits?: Dense;
}

/** o_i = Σ_s softmax_s(scale · q_i · k_s) v_s over the visible s, one query after another. */
export function attentionReference({
  q,
  k,
  v,
  queryPositions,
  keyPositions,
  mask,
  causal = true,
  ...call
}: AttentionReferenceCall): Dense {
  const [B, n, H, K] = q.shape as [number, number, number, number];
  const [, S, G, V] = v.shape as [number, number, number, number];
  const { scale = 1 / Math.sqrt(K), window = Infinity, softCap, pinned, sinkLogits } = call;
  const o = dense([B, n, H, V], () => 0);
  for (let b = 0; b < B; b++)
    for (let i = 0; i < n; i++)
      for (let h = 0; h < H; h++) {
        const p = get(queryPositions, b, i);
        const g = Math.floor((h * G) / H);
        const seen = Array.from({ length: S }, (_, s) => s).filter((s) => {
          const at = get(keyPositions, b, s);
          const near = s < (pinned?.slots ?? 0) || (at > p - window && (causal || at < p + window));
          return at !== -1 && near && !(causal && at > p) && !(mask && get(mask, b, i, s) === 0);
        });
        const scores = seen.map((s) => {
          let score = 0;
          const asking = pinned && s < pinned.slots ? pinned.q : q;
          for (let d = 0; d < K; d++) score += scale * get(asking, b, i, h, d) * get(k, b, s, g, d);
          return softCap ? softCap * Math.tanh(score / softCap) : score;
        });
        const sink = sinkLogits ? Math.exp(get(sinkLogits, h)) : 0;
        const Z = scores.reduce((sum, score) => sum + Math.exp(score), sink);
        seen.forEach((s, c) => {
          for (let d = 0; d < V; d++)
            o.data[((b * n + i) * H + h) * V + d]! += (Math.exp(scores[c]!) / Z) * get(v, b, s, g, d);
        });
      }
  return o;
}
