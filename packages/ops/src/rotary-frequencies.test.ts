import { describe, expect, test } from 'vitest';
import type { RotaryScaling } from './rotary-frequencies.ts';
import { rotaryFrequencies } from './rotary-frequencies.ts';

const theta = 10_000;
const plain = (i: number, dims: number, base = theta): number => Math.exp((-2 * i * Math.log(base)) / dims);

/** How far each frequency is from what a rule says for its pair, relatively. */
function far(dims: number, scaling: RotaryScaling, rule: (i: number) => number): string[] {
  const made = rotaryFrequencies(dims, theta, scaling);
  expect(made.length).toBe(Math.floor(dims / 2));
  return Array.from(made).flatMap((f, i) =>
    Math.abs(f / rule(i) - 1) < 1e-12 ? [] : [`pair ${i}: ${f}, expected ${rule(i)}`],
  );
}

describe('rules of rotary frequencies', () => {
  test.each([2, 6, 64, 128])('default and linear, of %i elements', (dims) => {
    expect(far(dims, { type: 'default' }, (i) => plain(i, dims))).toEqual([]);
    expect(far(dims, { type: 'linear', factor: 4 }, (i) => plain(i, dims) / 4)).toEqual([]);
  });

  test('dynamic: the lowest frequency is stretched as by linear interpolation, the highest not at all', () => {
    const dims = 64;
    const at = (contextLength: number): Float64Array =>
      rotaryFrequencies(dims, theta, { type: 'dynamic', factor: 2, maxPositions: 2048, contextLength });
    const stretch = 2 * 4 - 1; // factor · (length / maximum) − (factor − 1)
    const base = theta * stretch ** (dims / (dims - 2));
    expect(
      far(dims, { type: 'dynamic', factor: 2, maxPositions: 2048, contextLength: 8192 }, (i) => plain(i, dims, base)),
    ).toEqual([]);
    expect(at(8192)[0]).toBe(1);
    expect(at(8192)[31]! * stretch).toBeCloseTo(plain(31, dims), 12);
    expect([...at(100)]).toEqual([...at(2048)]);
    expect(at(2048)[31]).toBeCloseTo(plain(31, dims), 12);
  });

  test('yarn: many turns in the original context stay, few are divided, between them a ramp over the pairs', () => {
    const dims = 128;
    const [factor, L] = [16, 4096];
    for (const truncate of [true, false]) {
      // A pair turns L · f / 2π times; the ramp is linear in the pair's number, which turns give by a logarithm.
      const pairOf = (turns: number): number => (Math.log(L / (2 * Math.PI * turns)) / Math.log(theta)) * (dims / 2);
      const [from, to] = truncate ? [Math.floor(pairOf(32)), Math.ceil(pairOf(1))] : [pairOf(32), pairOf(1)];
      expect(
        far(dims, { type: 'yarn', factor, originalMaxPositions: L, betaFast: 32, betaSlow: 1, truncate }, (i) => {
          const share = i <= from ? 0 : i >= to ? 1 : (i - from) / (to - from);
          return plain(i, dims) * (1 - share + share / factor);
        }),
      ).toEqual([]);
    }
    const short = rotaryFrequencies(8, theta, {
      type: 'yarn',
      factor: 4,
      originalMaxPositions: 4,
      betaFast: 32,
      betaSlow: 1,
      truncate: true,
    });
    expect([...short].every((f) => f > 0 && Number.isFinite(f))).toBe(true);
  });

  test('llama3: short wavelengths stay, long ones are divided, between them a ramp over turns', () => {
    const dims = 128;
    const [factor, low, high, L] = [8, 1, 4, 8192];
    expect(
      far(dims, { type: 'llama3', factor, lowFreqFactor: low, highFreqFactor: high, originalMaxPositions: L }, (i) => {
        const turns = (L * plain(i, dims)) / (2 * Math.PI);
        const share = Math.min(1, Math.max(0, (turns - low) / (high - low)));
        return plain(i, dims) * (share + (1 - share) / factor);
      }),
    ).toEqual([]);
  });

  test('longrope divides each frequency by its own factor', () => {
    const factors = [1, 1.5, 4, 9];
    expect(far(8, { type: 'longrope', factors }, (i) => plain(i, 8) / factors[i]!)).toEqual([]);
  });
});
