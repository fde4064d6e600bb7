import { CpuDevice, mean, square, sub } from '@tessera/tensor-core';
import { expect, test } from 'vitest';
import { fit } from './fit.ts';
import { drawnPeriods, jointPeriod, meanSquare, moonsOf, sharesOfMoons } from './three-moons-task.ts';
import { threeMoonsStudy } from './three-moons.ts';

const { signal } = new AbortController();

test('each moon comes back after its period, and all of them after the joint one', () => {
  const periods = [2, 3, 4];
  expect(jointPeriod(periods)).toBe(12);
  expect(jointPeriod([5, 7, 9])).toBe(315);
  const moons = moonsOf(periods, 25, [1, 2]);
  for (let t = 0; t < 12; t++) {
    periods.forEach((period, moon) => {
      expect(moons[t + period]![2 * moon]).toBeCloseTo(moons[t]![2 * moon]!, 9);
      expect(Math.hypot(moons[t]![2 * moon]!, moons[t]![2 * moon + 1]!)).toBeCloseTo(1, 12);
    });
    expect(meanSquare(moons[t + 12]!, moons[t]!)).toBeLessThan(1e-18);
  }
  for (let t = 1; t < 12; t++) expect(meanSquare(moons[t]!, moons[0]!)).toBeGreaterThan(1e-3);
});

test('periods are drawn from all of their range', () => {
  const drawn = Array.from({ length: 40 }, (_, i) => drawnPeriods([3, 5], [7, i])).flat();
  expect([...new Set(drawn)].toSorted((a, b) => a - b)).toEqual([3, 4, 5]);
});

test('shares of moons are those of the squares of a map, by rows of keys and by columns of outputs', () => {
  const [heads, moons, D] = [3, 3, 6];
  const own = Float32Array.from({ length: D * D }, (_, i) => {
    const [row, column] = [Math.floor(i / D), i % D];
    return Math.floor(row / 2) === Math.floor(column / 2) ? 2 : row < 2 && column > 3 ? 1 : 0;
  });
  const keys = sharesOfMoons(own, { heads, moons, rowsAreHeads: true });
  expect(keys).toEqual([
    [0.8, 0, 0.2],
    [0, 1, 0],
    [0, 0, 1],
  ]);
  expect(sharesOfMoons(own, { heads, moons, rowsAreHeads: false })[2]).toEqual([0.2, 0, 0.8]);
});

test('Adam finds the least of a square', async () => {
  const target = Float32Array.of(1, -2, 0.5);
  const fitted = await fit({
    device: new CpuDevice(),
    signal,
    first: { w: { shape: [3], values: new Float32Array(3) } },
    loss: ({ w }, batch) => mean(square(sub(w!, batch))),
    batch: () => ({ values: target, shape: [3] }),
    steps: 300,
    learningRate: (step) => 0.1 * (1 - step / 300),
    progress: () => {},
  });
  expect(meanSquare(fitted['w']!.values, target)).toBeLessThan(1e-6);
});

test('memory mosaic 11.7: both memories are fitted and go on by themselves', async () => {
  const study = threeMoonsStudy({
    drawn: [2, 3],
    length: 8,
    rows: 2,
    steps: 3,
    periods: [2, 3, 4],
    seen: [1, 4],
    ahead: 2,
    measured: 2,
  });
  const told: string[] = [];
  await study.run({ device: new CpuDevice(), seeds: [0], signal, progress: (line) => told.push(line) });
  expect(told).toHaveLength(2);
  const { text, pictures } = study.finding();
  expect(text).toContain('round together after 12 steps');
  expect(text).toMatch(/\| 4( \| \d\.\d{5}){4} \|/);
  expect(text).toMatch(/\| 3 heads, seed 0, head 3 \| \d\.\d\d \| outputs \| 0\.\d{3}/);
  expect(pictures['']!.match(/<polyline/g)).toHaveLength(4);
});
