import { zeros } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import { describe, expect, test } from 'vitest';
import type { Dense } from '../array.reference.ts';
import { dense, differences, randomDense, real } from '../array.reference.ts';
import { deltaProduct } from './delta-product.ts';
import type { LinearAttentionCall, LinearAttentionResult } from './linear-attention-call.ts';
import { unit } from './linear-attention-cases.test-support.ts';
import { linearAttentionChunked } from './linear-attention-chunked.ts';
import { linearAttentionRecurrent } from './linear-attention-recurrent.ts';
import { lastState, linearAttentionReference } from './linear-attention.reference.ts';

const [B, T, H, K, V] = [2, 7, 2, 4, 3] as const;
const forms: readonly ((call: LinearAttentionCall) => LinearAttentionResult)[] = [
  linearAttentionRecurrent,
  (call) => linearAttentionChunked(call, { chunk: 4 }),
];

describe.each([1, 2, 3])('%i steps an entry', (n) => {
  test.each([
    ['no decay', undefined],
    ['a decay', [B, T, H]],
    ['a decay for each key', [B, T, H, K]],
  ])('%s before the first step, one output after the last', async (_, gates) => {
    const q = randomDense([B, T, H, K], 1);
    const k = unit(randomDense([B, T, n, H, K], 2));
    const v = randomDense([B, T, n, H, V], 3);
    const beta = randomDense([B, T, n, H], 4, 0, 2);
    const S = randomDense([B, H, K, V], 5);
    const g = gates && randomDense(gates, 6, -1, 0);
    // Step by step: the query of an entry at each of its steps, of which the last is kept.
    const spread = (x: Dense, value: (step: number, place: number) => number): Dense => {
      const row = x.data.length / (B * T);
      return dense([B, T * n, ...x.shape.slice(2)], (place) =>
        value(Math.floor(place / row) % n, Math.floor(place / (row * n)) * row + (place % row)),
      );
    };
    const { o, states } = linearAttentionReference({
      q: spread(q, (_step, place) => q.data[place]!),
      k: { shape: [B, T * n, H, K], data: k.data },
      v: { shape: [B, T * n, H, V], data: v.data },
      beta: { shape: [B, T * n, H], data: beta.data },
      S,
      ...(g && { g: spread(g, (step, place) => (step === 0 ? g.data[place]! : 0)) }),
    });
    const last = dense([B, T, H, V], (place) => {
      const row = H * V;
      return o.data[(Math.floor(place / row) * n + n - 1) * row + (place % row)]!;
    });
    for (const form of forms) {
      const build = (): Tensor[] => {
        const made = deltaProduct(form, { q: real(q), k: real(k), v: real(v), S: real(S), beta: real(beta), ...(g && { g: real(g) }) }); // prettier-ignore
        return [made.o, made.S];
      };
      expect(await differences(build, [last, lastState(S, states)], { single: 1e-5 })).toEqual([]);
    }
  });
});

test('steps that are not there are refused', () => {
  const call = { q: zeros([B, T, H, K]), k: zeros([B, T, H, K]), v: zeros([B, T, 2, H, V]), S: zeros([B, H, K, V]), beta: zeros([B, T, 2, H]) }; // prettier-ignore
  expect(() => deltaProduct(linearAttentionRecurrent, call)).toThrow(
    'deltaProduct: k [2, 7, 2, 4], v [2, 7, 2, 2, 3], beta [2, 7, 2, 2] do not fit: expected [B, T, n, P, K], [B, T, n, H, V], [B, T, n, H] with n ≥ 1.',
  );
});
