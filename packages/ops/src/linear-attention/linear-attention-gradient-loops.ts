import type { CpuKernel } from '@tessera/tensor-core';
import type { ChunkedAttributes, LinearAttentionVariant } from './linear-attention-call.ts';
import { operandsOf, sizesOf } from './linear-attention-call.ts';

/**
 * The gradient of linear attention entry after entry, with sums in doubles. The states before the chunks are kept; those inside a
 * chunk are computed again.
 */
export const gradientLoops: CpuKernel<ChunkedAttributes> = {
  backend: 'cpu',
  name: 'loops over t',
  run({ inputs, outputs, attributes }) {
    const { q, k, v, S: S0, g, beta } = operandsOf(inputs, attributes);
    const [dO, dS1] = [inputs.at(-2)!, inputs.at(-1)!];
    const { dq, dk, dv, dS0, dg, dbeta } = byOperand(outputs, attributes);
    const { B, T, P, H, K, V } = sizesOf(inputs);
    const C = attributes.chunk;
    const perKey = attributes.decay === 'vector';
    const size = K * V;
    const boundaries = new Float64Array(Math.ceil(T / C) * size);
    const decayed = new Float64Array(C * size); // S̃ of each entry of a chunk
    const written = new Float64Array(C * V);
    const missing = new Float64Array(C * V); // v − k S̃
    const S = new Float64Array(size);
    const dS = new Float64Array(size);
    const du = new Float64Array(V);
    const decay = (at: number, i: number): number => (g ? Math.exp(g.data[g.offset + (perKey ? at * K + i : at)]!) : 1);
    for (let b = 0; b < B; b++)
      for (let h = 0; h < H; h++) {
        const state = (b * H + h) * size;
        const place = (t: number): number => (b * T + t) * H + h;
        const keyRow = (t: number): number => ((b * T + t) * P + Math.floor((h * P) / H)) * K;
        /** S of entry t in place of that before it; what it goes through is kept as number `c`. */
        const step = (t: number, c: number): void => {
          const [at, row] = [place(t), keyRow(t)];
          for (let j = 0; j < V; j++) missing[c * V + j] = v.data[v.offset + at * V + j]!;
          for (let i = 0; i < K; i++) {
            const kept = decay(at, i);
            const key = beta ? k.data[k.offset + row + i]! : 0;
            for (let j = 0; j < V; j++) {
              const value = (decayed[c * size + i * V + j] = S[i * V + j]! * kept);
              missing[c * V + j]! -= key * value;
            }
          }
          const strength = beta ? beta.data[beta.offset + at]! : 1;
          for (let j = 0; j < V; j++) written[c * V + j] = strength * missing[c * V + j]!;
          for (let i = 0; i < K; i++) {
            const key = k.data[k.offset + row + i]!;
            for (let j = 0; j < V; j++) S[i * V + j] = decayed[c * size + i * V + j]! + key * written[c * V + j]!;
          }
        };
        /** The cotangents of entry t, and dS of the state before it in place of that after it. */
        const stepBack = (t: number, c: number): void => {
          const [at, row] = [place(t), keyRow(t)];
          du.fill(0);
          for (let i = 0; i < K; i++) {
            const [query, key] = [q.data[q.offset + row + i]!, k.data[k.offset + row + i]!];
            let [dQuery, dKey] = [0, 0];
            for (let j = 0; j < V; j++) {
              const d = dO.data[dO.offset + at * V + j]!;
              const u = written[c * V + j]!;
              const flow = (dS[i * V + j]! += query * d);
              dQuery += (decayed[c * size + i * V + j]! + key * u) * d;
              dKey += u * flow;
              du[j]! += key * flow;
            }
            dq!.data[at * K + i] = dQuery;
            dk!.data[at * K + i] = dKey;
          }
          if (beta) {
            let dStrength = 0;
            for (let j = 0; j < V; j++) dStrength += missing[c * V + j]! * du[j]!;
            dbeta!.data[at] = dStrength;
            const strength = beta.data[beta.offset + at]!;
            for (let j = 0; j < V; j++) du[j]! *= strength;
          }
          for (let j = 0; j < V; j++) dv!.data[at * V + j] = du[j]!;
          let dGate = 0;
          for (let i = 0; i < K; i++) {
            const kept = decay(at, i);
            const key = beta ? k.data[k.offset + row + i]! : 0;
            let [dKey, dDecay] = [0, 0];
            for (let j = 0; j < V; j++) {
              const before = decayed[c * size + i * V + j]!;
              dKey += before * du[j]!;
              const flow = dS[i * V + j]! - key * du[j]!;
              dDecay += before * flow;
              dS[i * V + j] = kept * flow;
            }
            if (beta) dk!.data[at * K + i]! -= dKey;
            if (perKey) dg!.data[at * K + i] = dDecay;
            dGate += dDecay;
          }
          if (g && !perKey) dg!.data[at] = dGate;
        };
        for (let i = 0; i < size; i++) {
          S[i] = S0.data[S0.offset + state + i]!;
          dS[i] = dS1.data[dS1.offset + state + i]!;
        }
        for (let t = 0; t < T; t++) {
          if (t % C === 0) boundaries.set(S, (t / C) * size);
          step(t, t % C);
        }
        for (let n = Math.ceil(T / C) - 1; n >= 0; n--) {
          S.set(boundaries.subarray(n * size, (n + 1) * size));
          const end = Math.min(T, (n + 1) * C);
          for (let t = n * C; t < end; t++) step(t, t - n * C);
          for (let t = end - 1; t >= n * C; t--) stepBack(t, t - n * C);
        }
        for (let i = 0; i < size; i++) dS0!.data[state + i] = dS[i]!;
      }
  },
};

/** Cotangents, which stand in the order of their operands, q, k, v, S, g, β. */
function byOperand<T>(
  outputs: readonly T[],
  variant: LinearAttentionVariant,
): Record<'dq' | 'dk' | 'dv' | 'dS0' | 'dg' | 'dbeta', T | undefined> {
  const { q, k, v, S, g, beta } = operandsOf<T | undefined>(outputs, variant);
  return { dq: q, dk: k, dv: v, dS0: S, dg: g, dbeta: beta };
}
