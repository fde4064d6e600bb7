import { CpuDevice, fromHost, gradOf, read, sum } from '@tessera/tensor-core';
import { expect, test } from 'vitest';
import { weighOf } from './weigh-scores.ts';

const device = new CpuDevice({ precision: 'f64' });
const cosines = [-1, -0.99, -0.5, -1e-9, 0, 1e-9, 0.3, 0.7, 0.999, 1];

test.each([1, 2, 3, 8, 9])(
  'hashes of %i hyperplanes collide as often as angles say, and so does the slope',
  async (bits) => {
    const s = fromHost(Float64Array.from(cosines), [cosines.length]);
    const weigh = weighOf({ weights: 'collisions', hashBits: bits });
    const expected = cosines.map((cosine) => (1 - Math.acos(0.98 * cosine) / Math.PI) ** bits);
    const made = await read(weigh(s), device);
    made.forEach((value, i) => expect(Math.abs(value - expected[i]!)).toBeLessThan(1e-7));
    const slopes = await read(gradOf(sum(weigh(s)), [s])[0]!, device);
    slopes.forEach((slope, i) => {
      const x = 0.98 * cosines[i]!;
      const exact = ((bits * (1 - Math.acos(x) / Math.PI) ** (bits - 1)) / Math.PI) * (0.98 / Math.sqrt(1 - x * x));
      expect(Math.abs(slope - exact)).toBeLessThan(1e-5);
    });
  },
);

test('all other weights are activations', async () => {
  const made = weighOf({ weights: 'relu2', hashBits: 8 })(fromHost(Float64Array.of(-2, 3), [2]));
  expect([...(await read(made, device))]).toEqual([0, 9]);
});
