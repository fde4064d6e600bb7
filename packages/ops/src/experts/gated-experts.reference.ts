import type { Dense } from '../array.reference.ts';
import { dense, get } from '../array.reference.ts';

/** What {@link gatedExpertsReference} is given, as in gatedExperts, of the activation silu. */
export type ExpertsReferenceCall = Readonly<Record<'x' | 'experts' | 'weights' | 'gate' | 'up' | 'down', Dense>>;

/** Each token by each of its experts, in plain loops. */
export function gatedExpertsReference({ x, experts, weights, gate, up, down }: ExpertsReferenceCall): Dense {
  const [n, k] = experts.shape as [number, number];
  const [, F, D] = gate.shape as [number, number, number];
  const y = dense([n, D], () => 0);
  for (let t = 0; t < n; t++)
    for (let j = 0; j < k; j++) {
      const e = get(experts, t, j);
      for (let f = 0; f < F; f++) {
        let [g, u] = [0, 0];
        for (let i = 0; i < D; i++) {
          g += get(gate, e, f, i) * get(x, t, i);
          u += get(up, e, f, i) * get(x, t, i);
        }
        const h = (g / (1 + Math.exp(-g))) * u * get(weights, t, j);
        for (let i = 0; i < D; i++) y.data[t * D + i]! += get(down, e, i, f) * h;
      }
    }
  return y;
}
