import type { CpuKernel } from '@tessera/tensor-core';
import type { LinearAttentionVariant } from './linear-attention-call.ts';
import { operandsOf, sizesOf } from './linear-attention-call.ts';

type LoopCall = Parameters<CpuKernel<LinearAttentionVariant>['run']>[0];

/** Linear attention entry after entry, with sums in doubles. */
export const loopsOverEntries: CpuKernel<LinearAttentionVariant> = {
  backend: 'cpu',
  name: 'loops over t',
  run(call) {
    const { T, H, K, V } = sizesOf(call.inputs);
    const after = call.outputs[1]!.data;
    overEntries(call, (S, { b, h, read }) => {
      if (read === T) after.set(S, (b * H + h) * K * V);
    });
  },
};

/** The same with the state after each entry. */
export const loopsWithStates: CpuKernel<LinearAttentionVariant> = {
  backend: 'cpu',
  name: 'loops over t, every state',
  run(call) {
    const { T, H, K, V } = sizesOf(call.inputs);
    const states = call.outputs[1]!.data;
    overEntries(call, (S, { b, h, read }) => {
      if (read > 0) states.set(S, ((b * T + read - 1) * H + h) * K * V);
    });
  },
};

/** Where a state stands: row, head, and how many entries it has read. */
interface StatePlace {
  readonly b: number;
  readonly h: number;
  readonly read: number;
}

/** Writes the first output, and shows each state, the first included. */
function overEntries(
  { inputs, outputs: [o], attributes }: LoopCall,
  show: (S: Float64Array, place: StatePlace) => void,
): void {
  const { q, k, v, S: S0, g, beta } = operandsOf(inputs, attributes);
  const { B, T, P, H, K, V } = sizesOf(inputs);
  const S = new Float64Array(K * V);
  const u = new Float64Array(V);
  const total = new Float64Array(V);
  const perKey = attributes.decay === 'vector';
  for (let b = 0; b < B; b++)
    for (let h = 0; h < H; h++) {
      const state = (b * H + h) * K * V;
      for (let i = 0; i < K * V; i++) S[i] = S0.data[S0.offset + state + i]!;
      show(S, { b, h, read: 0 });
      for (let t = 0; t < T; t++) {
        const at = (b * T + t) * H + h;
        const row = ((b * T + t) * P + Math.floor((h * P) / H)) * K;
        if (g)
          for (let i = 0; i < K; i++) {
            const decay = Math.exp(g.data[g.offset + (perKey ? at * K + i : at)]!);
            for (let j = 0; j < V; j++) S[i * V + j]! *= decay;
          }
        for (let j = 0; j < V; j++) u[j] = v.data[v.offset + at * V + j]!;
        if (beta) {
          for (let i = 0; i < K; i++) {
            const key = k.data[k.offset + row + i]!;
            for (let j = 0; j < V; j++) u[j]! -= key * S[i * V + j]!;
          }
          const strength = beta.data[beta.offset + at]!;
          for (let j = 0; j < V; j++) u[j]! *= strength;
        }
        total.fill(0);
        for (let i = 0; i < K; i++) {
          const key = k.data[k.offset + row + i]!;
          const query = q.data[q.offset + row + i]!;
          for (let j = 0; j < V; j++) total[j]! += query * (S[i * V + j]! += key * u[j]!);
        }
        for (let j = 0; j < V; j++) o!.data[at * V + j] = total[j]!;
        show(S, { b, h, read: t + 1 });
      }
    }
}
