import { CpuDevice, cast, read, tensor, zeros } from '@tessera/tensor-core';
import { describe, expect, test } from 'vitest';
import type { Dense } from './array.reference.ts';
import { dense, differences, get, randomDense, real, whole } from './array.reference.ts';
import { rotaryFrequencies } from './rotary-frequencies.ts';
import type { RotaryOrder } from './rotary.ts';
import { maximumPosition, rotary, rotaryAngles, rotaryTables } from './rotary.ts';

/** Turns pair i of each head by position · frequency_i, in the complex plane. */
function reference(x: Dense, positions: Dense, frequencies: Float64Array, order: RotaryOrder): Dense {
  const [B, n, H, D] = x.shape as [number, number, number, number];
  const pairs = frequencies.length;
  const y = dense(x.shape, (place) => x.data[place]!);
  for (let b = 0; b < B; b++)
    for (let t = 0; t < n; t++)
      for (let h = 0; h < H; h++)
        for (let i = 0; i < pairs; i++) {
          const [first, second] = order === 'half' ? [i, i + pairs] : [2 * i, 2 * i + 1];
          const [re, im] = [get(x, b, t, h, first), get(x, b, t, h, second)];
          const angle = get(positions, b, t) * frequencies[i]!;
          const start = ((b * n + t) * H + h) * D;
          y.data[start + first] = re * Math.cos(angle) - im * Math.sin(angle);
          y.data[start + second] = re * Math.sin(angle) + im * Math.cos(angle);
        }
  return y;
}

describe('tables', () => {
  const positions = [
    0,
    1,
    2,
    1023,
    1024,
    1025,
    4095,
    65_535,
    99_999,
    524_287,
    777_777,
    999_999,
    1_000_000,
    2 ** 20 - 1,
    2 ** 20,
    3_000_001,
  ];
  const far = [2 ** 27 + 1, 999_999_999, maximumPosition - 1];
  const frequencies = rotaryFrequencies(128, 10_000, { type: 'default' });

  /** Largest error of cosine and sine against the angle computed directly. */
  async function error(device: CpuDevice, at = positions): Promise<number> {
    const { cos, sin } = rotaryAngles(rotaryTables(frequencies), tensor([at], { dtype: 'i32' }));
    const [c, s] = [await read(cos, device), await read(sin, device)];
    let largest = 0;
    at.forEach((position, row) =>
      frequencies.forEach((frequency, i) => {
        const [dc, ds] = [
          c[row * 64 + i]! - Math.cos(position * frequency),
          s[row * 64 + i]! - Math.sin(position * frequency),
        ];
        largest = Math.max(largest, Math.abs(dc), Math.abs(ds));
      }),
    );
    return largest;
  }

  test('are exact in double precision for positions beyond a million', async () => {
    // position · frequency itself is only exact to 1e6 · 2⁻⁵³.
    expect(await error(new CpuDevice({ precision: 'f64' }))).toBeLessThan(1e-9);
  });

  test('lose no more than the addition theorems in single precision', async () => {
    // Six factors, four products and two sums, each rounded: at most about 4 · 2⁻²⁴, of which the first half is 0 below 2²⁰.
    expect(await error(new CpuDevice())).toBeLessThan(2.5e-7);
    expect(
      await error(
        new CpuDevice(),
        positions.filter((position) => position < 2 ** 20),
      ),
    ).toBeLessThan(1.5e-7);
  });

  test('of positions up to 2³⁰ are as good as the product of position and frequency in double precision', async () => {
    expect(await error(new CpuDevice({ precision: 'f64' }), far)).toBeLessThan(2 ** 30 * 2 ** -52);
    expect(await error(new CpuDevice(), far)).toBeLessThan(5e-7);
  });

  test('of equal frequencies are the same tensors', () => {
    expect(rotaryTables(frequencies.slice())).toBe(rotaryTables(frequencies));
    expect(rotaryTables(frequencies.map((f) => f * 2))).not.toBe(rotaryTables(frequencies));
  });

  test('times a scale', async () => {
    const { cos } = rotaryAngles(rotaryTables(Float64Array.of(0.5)), tensor([[0, 3]], { dtype: 'i32' }), 1.5);
    expect(cos.shape).toEqual([1, 2, 1]);
    expect([...(await read(cos))]).toEqual([1.5, Math.fround(1.5 * Math.fround(Math.cos(1.5)))]);
  });
});

describe('rotary', () => {
  const positions = dense([2, 5], (place) => [0, 1, 7, 1024, 131_071, 5, 5, 3, 2, 1_000_000][place]!);

  test.each(['half', 'interleaved'] as const)(
    'turns pairs that are %s, all of a head or its first part',
    async (order) => {
      for (const [D, pairs] of [
        [2, 1],
        [8, 4],
        [10, 3],
        [6, 0],
        [65, 32],
      ] as const) {
        // prettier-ignore
        const x = randomDense([2, 5, 3, D], D);
        const frequencies = Float64Array.from({ length: pairs }, (_, i) => 100 ** (-i / pairs));
        const build = () => [rotary(real(x), rotaryAngles(rotaryTables(frequencies), whole(positions)), order)];
        const expected = reference(x, positions, frequencies, order);
        expect(await differences(build, [expected], { single: 1e-6, double: 1e-9 })).toEqual([]);
      }
    },
  );

  test('of nothing is nothing', async () => {
    const x = dense([2, 0, 3, 4], () => 0);
    const none = dense([2, 0], () => 0);
    const build = () => [rotary(real(x), rotaryAngles(rotaryTables(Float64Array.of(1, 0.5)), whole(none)))];
    expect(await differences(build, [x])).toEqual([]);
  });

  test('keeps q · k a function of the distance', async () => {
    const [q, k] = [randomDense([1, 1, 1, 8], 1), randomDense([1, 1, 1, 8], 2)];
    const frequencies = rotaryFrequencies(8, 10_000, { type: 'default' });
    const dot = (p: number, s: number): number => {
      const turned = [q, k].map((x, i) =>
        reference(
          x,
          dense([1, 1], () => [p, s][i]!),
          frequencies,
          'half',
        ),
      );
      return turned[0]!.data.reduce((sum, value, i) => sum + value * turned[1]!.data[i]!, 0);
    };
    expect(dot(1000, 990)).toBeCloseTo(dot(10, 0), 12);
    const build = () => [rotary(real(q), rotaryAngles(rotaryTables(frequencies), cast(zeros([1, 1]), 'i32')))];
    expect(await differences(build, [q])).toEqual([]);
  });

  test('names operands that do not fit', () => {
    const [cos, sin] = [zeros([2, 5, 3]), zeros([2, 5, 3])];
    expect(rotary(zeros([2, 5, 4, 6]), { cos, sin }).shape).toEqual([2, 5, 4, 6]);
    expect(() => rotary(zeros([2, 5, 4, 5]), { cos, sin })).toThrow(
      'rotary: x is [2, 5, 4, 5] and the angles are [2, 5, 3] and [2, 5, 3], expected [B, n, heads, headDim] and twice [B, n, pairs] with 2 · pairs ≤ headDim.',
    );
    expect(() => rotary(zeros([3, 5, 4, 6]), { cos, sin })).toThrow('rotary: x is [3, 5, 4, 6]');
  });
});
