import { gatedRmsNorm, shortConvolutions } from '@tessera/ops';
import type { ConvolvedStream } from '@tessera/ops';
import { fromHost } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import { describe, expect, test } from 'vitest';
import { draws } from './testing/compare.test-support.ts';
import { differencesFromDefinition } from './testing/definition.test-support.ts';

interface Case {
  readonly T: number;
  readonly J?: number;
  readonly lengths?: readonly number[];
  readonly activation?: 'identity' | 'silu' | 'gelu';
  /** Channels of the streams. */
  readonly channels: readonly number[];
  readonly streams: readonly ConvolvedStream[];
  readonly dispatches?: number;
}

const unit = { scale: 0.5, eps: 1e-6 };

async function differences({ T, J = 4, lengths = [T], activation = 'silu', channels, streams, dispatches }: Case) {
  const B = lengths.length;
  const C = channels.reduce((total, count) => total + count, 0);
  return differencesFromDefinition(
    (weight, history, counts, ...x) => {
      const made = shortConvolutions({ x, weight: weight!, history: history!, lengths: counts!, activation, streams });
      return [...made.y, made.history];
    },
    [
      draws([C, J], 1),
      draws([B, J - 1, C], 2),
      fromHost(Int32Array.from(lengths), [B]),
      ...channels.map((count, i): Tensor => draws([B, T, count], 3 + i)),
    ],
    dispatches === undefined ? {} : { dispatches },
  );
}

describe('convolutions of several streams', () => {
  test.each<[string, Case]>([
    [
      'three streams of one entry',
      {
        T: 1,
        channels: [12, 12, 10],
        streams: [{ heads: 2, normalize: unit }, { heads: 2, normalize: unit }, { heads: 2 }],
      },
    ],
    [
      'rows of different lengths',
      { T: 7, lengths: [7, 0, 3], channels: [6, 4], streams: [{ heads: 3, normalize: unit }, { heads: 1 }] },
    ],
    [
      'more channels than a workgroup takes',
      { T: 2, channels: [130, 260], streams: [{ heads: 1, normalize: unit }, { heads: 2 }] },
    ],
    ['one tap, which leaves no history', { T: 3, J: 1, channels: [5], streams: [{ heads: 1, normalize: unit }] }],
    [
      'fewer entries than taps',
      { T: 2, J: 5, lengths: [1, 2], activation: 'identity', channels: [3], streams: [{ heads: 1 }] },
    ],
  ])('%s in one dispatch', async (_, one) => {
    expect(await differences({ ...one, dispatches: 1 })).toEqual([]);
  });

  test('an activation that no kernel has goes by the definition', async () => {
    expect(
      await differences({ T: 2, activation: 'gelu', channels: [4], streams: [{ heads: 2, normalize: unit }] }),
    ).toEqual([]);
  });

  test('heads of zeros stay zeros', async () => {
    const zeros = fromHost(new Float32Array(8), [1, 2, 4]);
    const streams = [{ heads: 2, normalize: unit }];
    const found = await differencesFromDefinition(
      (x) => [
        shortConvolutions({
          x: [x!],
          weight: draws([4, 2]),
          history: fromHost(new Float32Array(4), [1, 1, 4]),
          lengths: fromHost(Int32Array.of(2), [1]),
          activation: 'silu',
          streams,
        }).y[0]!,
      ],
      [zeros],
    );
    expect(found).toEqual([]);
  });
});

describe('a gated norm', () => {
  test.each([1, 3, 64, 70, 300])('of %i elements in one dispatch', async (n) => {
    const build = (x?: Tensor, weight?: Tensor, gate?: Tensor): Tensor[] => [
      gatedRmsNorm(x!, weight!, gate!, { eps: 1e-5 }),
    ];
    // Gates far out, where powers of e would overflow.
    const gate = fromHost(
      Float32Array.from({ length: 5 * n }, (_, i) => [-300, -3, 0, 2, 300][i % 5]!),
      [5, n],
    );
    expect(await differencesFromDefinition(build, [draws([5, n]), draws([n], 2), gate], { dispatches: 1 })).toEqual([]);
  });

  test('with a sigmoid, and with a gate that no kernel has', async () => {
    for (const activation of ['sigmoid', 'gelu'] as const)
      expect(
        await differencesFromDefinition(
          (x, weight, gate) => [gatedRmsNorm(x!, weight!, gate!, { eps: 1e-5, activation })],
          [draws([2, 8]), draws([8], 2), draws([2, 8], 3)],
        ),
      ).toEqual([]);
  });
});
