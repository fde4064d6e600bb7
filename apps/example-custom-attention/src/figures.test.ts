import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { figures } from '../examples/guides/figures/figures.ts';
import { lineChartSvg } from '../examples/guides/figures/line-chart.ts';
import { stateRows } from '../examples/guides/figures/state-bytes.ts';
import { stepChart, stepTimes } from '../examples/guides/figures/step-time.ts';
import type { Benchmark } from '../examples/guides/figures/step-time.ts';

const folder = new URL('../../../docs/guides/figures/', import.meta.url);
const measured = (group: string, shape: string, microseconds: number): Benchmark['rows'][number] => ({
  group,
  shape,
  outcome: 'measured',
  figures: { clock: 'GPU', microseconds },
});
const benchmark: Benchmark = {
  format: 'tessera-bench/1',
  environment: { device: 'a GPU', date: '2026-01-01' },
  rows: [
    measured('latent', 'GQA, 1 × 2048, 32/8 heads of 128', 20),
    measured('latent', 'GQA, 1 × 65536, 32/8 heads of 128', 640),
    measured('latent', 'GLA, 1 × 2048, 32 heads, 2 latents of 256 + 64', 8),
    measured('latent', 'GLA, 1 × 65536, 32 heads, 2 latents of 256 + 64', 200),
    // Not of the figure: four positions, a batch, more heads, a prompt, a row that was wrong.
    measured('latent', 'GQA, 4 × 2048, 32/8 heads of 128', 1),
    measured('latent', 'GQA, 1 × 2048, batch 8, 32/8 heads of 128', 1),
    measured('latent', 'GQA, 1 × 2048, 128/8 heads of 128', 1),
    measured('linear', 'GLA by chunks of 64, 16384 of 16 heads 128×128', 1),
    { group: 'latent', shape: 'MLA, 1 × 2048, 32 heads, latent of 512 + 64', outcome: 'wrong' },
    measured('linear', 'GLA recurrent, 1 of 16 heads 128×128', 4),
  ],
};

// Mend: node --import tsx --conditions=@tessera/source apps/example-custom-attention/examples/guides/figures/write-figures.ts
test('the figures of the guides are those that the packages and the benchmarks make', () => {
  const made = figures();
  for (const [name, text] of made) expect(readFileSync(new URL(name, folder), 'utf8')).toBe(text);
  expect(existsSync(new URL('step-time.svg', folder))).toBe(made.has('step-time.svg'));
});

test('states that are constant are so at every context, and all others grow by the bytes of a token', () => {
  const growth = Object.fromEntries(
    stateRows().map(({ name, bytes }) => [name, (bytes.at(-1)![1] - bytes[0]![1]) / (bytes.at(-1)![0] - bytes[0]![0])]),
  );
  // Elements of 4 bytes, and 4 bytes for the position of a slot.
  expect(growth).toEqual({
    MHA: 4 * 8192 + 4,
    'GQA, 8 heads of keys': 4 * 2048 + 4,
    MQA: 4 * 256 + 4,
    'GTA, 8 tied heads': 4 * 1088 + 4,
    MLA: 4 * 576 + 4,
    'GLA, 2 latents': 4 * 576 + 4,
    'Gated DeltaNet': 0,
    'gated linear attention': 0,
    'grouped linear attention, w = 64': 0,
  });
});

test('of a benchmark only steps of one position and one sequence are shown', () => {
  expect(stepTimes(benchmark)).toEqual([
    { mechanism: 'GQA', context: 2048, microseconds: 20 },
    { mechanism: 'GQA', context: 65_536, microseconds: 640 },
    { mechanism: 'GLA, 2 latents', context: 2048, microseconds: 8 },
    { mechanism: 'GLA, 2 latents', context: 65_536, microseconds: 200 },
    { mechanism: 'gated linear attention, 16 heads', context: undefined, microseconds: 4 },
  ]);
});

test('each line has its name at its end, and names keep apart', () => {
  const svg = lineChartSvg(stepChart({ folder: 'here', benchmark }));
  const labels = [...svg.matchAll(/y="([\d.]+)" style="fill: var\(--hue\d\)">([^<]+)</g)].map(([, y, label]) => [
    label,
    Number(y),
  ]);
  expect(labels.map(([label]) => label)).toEqual(['GQA', 'GLA, 2 latents', 'gated linear attention, 16 heads']);
  const places = labels.map(([, y]) => y as number);
  for (const [index, place] of places.slice(1).entries()) expect(place - places[index]!).toBeGreaterThanOrEqual(20);
  expect(svg).toContain('time, microseconds');
});
