import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { emptyDirectory } from '../testing/checkpoints.test-support.ts';
import { lossCurve, smoothed, sparkline } from './loss-curve.ts';
import { MetricsFile } from './metrics-file.ts';

test('a running mean begins with the first loss', () => {
  expect(smoothed([4, 4, 4], 0.9)).toEqual([4, 4, 4].map((loss) => expect.closeTo(loss, 12)));
  const [first, second] = smoothed([4, 2], 0.5);
  expect(first).toBe(4);
  expect(second).toBeCloseTo(8 / 3, 12);
});

test('a curve has the losses of training and of evaluations between its axes', () => {
  const svg = lossCurve(
    [
      { step: 1, loss: 4 },
      { step: 2, loss: 3 },
      { step: 3, loss: 2 },
      { step: 3, validationLoss: 2.5 },
    ],
    'a <curve>',
  );
  expect(svg).toContain('<title>a &lt;curve></title>');
  expect(svg).toContain('points="48.0,16.0 336.0,150.0 624.0,284.0"');
  expect(svg).toContain('points="624.0,217.0"');
});

test('a curve of many steps has its peaks, and few points', () => {
  const metrics = Array.from({ length: 9000 }, (_, index) => ({ step: index + 1, loss: index === 4321 ? 9 : 2 }));
  const [points] = /(?<=points=")[^"]*/.exec(lossCurve(metrics, 'long'))!;
  expect(points.split(' ').length).toBeLessThanOrEqual(600);
  expect(points.match(/,16\.0/g)).toHaveLength(1);
});

test('a line of text shows the way of the losses', () => {
  expect(sparkline([8, 4, 1])).toBe('█▄▁');
  expect(sparkline([2])).toBe('▁');
  expect(sparkline(Array.from({ length: 1000 }, (_, step) => 1000 - step))).toHaveLength(24);
});

test('metrics go on after a step; what was written later, or cut short, is dropped', async () => {
  const directory = await emptyDirectory();
  const first = await MetricsFile.open(directory, 0);
  for (const step of [1, 2, 3]) await first.add({ step, loss: 5 - step });
  await writeFile(join(directory, 'metrics.jsonl'), '{"step":2,"validati', { flag: 'a' });
  const second = await MetricsFile.open(directory, 2);
  expect(second.metrics).toEqual([
    { step: 1, loss: 4 },
    { step: 2, loss: 3 },
  ]);
  await second.add({ step: 3, loss: 1 });
  expect(await readFile(join(directory, 'metrics.jsonl'), 'utf8')).toBe(
    '{"step":1,"loss":4}\n{"step":2,"loss":3}\n{"step":3,"loss":1}\n',
  );
});
