import {
  attention,
  gatedDeltaRuleChunked,
  gatedDeltaRuleRecurrent,
  l2Normalize,
  layerNorm,
  rmsNorm,
  rotary,
  rotaryAngles,
  rotaryFrequencies,
  rotaryTables,
} from '@tessera/ops';
import { fromHost, greater, neg, abs, sigmoid } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import { expect, test } from 'vitest';
import { draws, expectSame, testDevice } from './testing/compare.test-support.ts';

const counted = (B: number, n: number, value: (i: number) => number): Tensor =>
  fromHost(
    Int32Array.from({ length: B * n }, (_, i) => value(i % n)),
    [B, n],
  );

test.each([
  [1, 70, 4, 2, 8, 8, {}],
  [3, 300, 4, 1, 16, 12, { window: 9 }],
  [33, 65, 4, 2, 8, 16, {}],
  [9, 40, 2, 1, 4, 8, { causal: false, window: 20 }],
] as const)(
  'attention of %i queries over %i slots: its kernel is its definition',
  async (n, S, H, G, K, V, options) => {
    const inputs = [
      draws([2, n, H, K]),
      draws([2, S, G, K], 2),
      draws([2, S, G, V], 3),
      counted(2, n, (i) => S - n + i),
      counted(2, S, (i) => (i % 11 === 3 ? -1 : i)),
    ];
    await expectSame(
      (q, k, v, queryPositions, keyPositions) => [
        attention({ q: q!, k: k!, v: v!, queryPositions: queryPositions!, keyPositions: keyPositions!, ...options }),
      ],
      inputs,
    );
  },
);

test('attention with a mask, and of queries that see nothing', async () => {
  const inputs = [
    draws([2, 5, 2, 4]),
    draws([2, 30, 2, 4], 2),
    draws([2, 30, 2, 4], 3),
    counted(2, 5, (i) => 4 * i - 3),
    counted(2, 30, (i) => i),
    draws([2, 5, 30], 4),
  ];
  await expectSame(
    (q, k, v, queryPositions, keyPositions, m) => [
      attention({
        q: q!,
        k: k!,
        v: v!,
        queryPositions: queryPositions!,
        keyPositions: keyPositions!,
        mask: greater(m!, 0),
      }),
    ],
    inputs,
  );
});

test.each([1, 63, 65, 600, 2305, 9000])('norms over %i elements', async (n) => {
  await expectSame(
    (x, w, b) => [rmsNorm(x!, w!, { eps: 1e-6, offset: 1 }), layerNorm(x!, w!, b!, { eps: 1e-5 })],
    [draws([3, n > 1000 ? 1 : 7, n]), draws([n], 2), draws([n], 3)],
  );
});

test('rotary positions, far and in both orders', async () => {
  const tables = rotaryTables(rotaryFrequencies(8, 10_000, { type: 'default' }));
  await expectSame(
    (x, positions) =>
      (['half', 'interleaved'] as const).map((order) => rotary(x!, rotaryAngles(tables, positions!), order)),
    [draws([1, 5, 2, 10]), counted(1, 5, (i) => i * 200_003)],
  );
});

test('the gated delta rule, recurrent and by chunks', async () => {
  const inputs = [
    draws([2, 9, 2, 4]),
    draws([2, 9, 2, 4], 2),
    draws([2, 9, 2, 6], 3),
    draws([2, 9, 2], 4),
    draws([2, 9, 2], 5),
    draws([2, 2, 4, 6], 6),
  ];
  const call = ([q, k, v, g, beta, S]: readonly Tensor[]): Parameters<typeof gatedDeltaRuleRecurrent>[0] => ({
    q: q!,
    k: l2Normalize(k!),
    v: v!,
    g: neg(abs(g!)),
    beta: sigmoid(beta!),
    S: S!,
  });
  await expectSame((...x) => Object.values(gatedDeltaRuleRecurrent(call(x))), inputs);
  await expectSame((...x) => Object.values(gatedDeltaRuleChunked(call(x), { chunk: 4 })), inputs);
});

test('the software adapter is what these tests ran on', async () => {
  expect((await testDevice()).name).toMatch(/swiftshader/i);
});
