import type { Metric } from './metrics-file.ts';

const [width, height, left, bottom, top] = [640, 320, 48, 36, 16];

type Point = readonly [step: number, loss: number];

/** Of each run of many points the lowest and the highest: what a picture of this width can show. */
function outline(points: readonly Point[], most = 600): readonly Point[] {
  if (points.length <= most) return points;
  const runs = most / 2;
  return Array.from({ length: runs }, (_, run) => {
    const part = points.slice(Math.floor((run * points.length) / runs), Math.floor(((run + 1) * points.length) / runs));
    const lowest = part.reduce((a, b) => (b[1] < a[1] ? b : a));
    const highest = part.reduce((a, b) => (b[1] > a[1] ? b : a));
    return lowest[0] < highest[0] ? [lowest, highest] : lowest === highest ? [lowest] : [highest, lowest];
  }).flat();
}

/** A running mean of the losses, which shows where they go. */
export function smoothed(losses: readonly number[], weight: number): number[] {
  let [mean, whole] = [0, 0];
  return losses.map((loss) => {
    mean = weight * mean + (1 - weight) * loss;
    whole = weight * whole + (1 - weight);
    return mean / whole;
  });
}

/** Losses over the steps as an SVG: of each step, their running mean, and of evaluations. */
export function lossCurve(metrics: readonly Metric[], title: string): string {
  const trained = metrics.filter((metric) => metric.loss !== undefined);
  const evaluated = metrics.filter((metric) => metric.validationLoss !== undefined);
  const values = [...trained.map(({ loss }) => loss!), ...evaluated.map(({ validationLoss }) => validationLoss!)];
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const last = Math.max(2, metrics.at(-1)?.step ?? 0);
  const x = (step: number): string => (left + ((step - 1) / (last - 1)) * (width - left - 16)).toFixed(1);
  const y = (loss: number): string =>
    (top + ((most - loss) / Math.max(most - least, 1e-9)) * (height - top - bottom)).toFixed(1);
  const line = (points: readonly Point[], style: string): string =>
    points.length === 0
      ? ''
      : `<polyline fill="none" ${style} points="${outline(points)
          .map(([step, loss]) => `${x(step)},${y(loss)}`)
          .join(' ')}"/>`;
  const mean = smoothed(
    trained.map(({ loss }) => loss!),
    0.95,
  );
  const ticks = Array.from({ length: 5 }, (_, index) => least + ((most - least) * index) / 4);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="11">
<title>${escaped(title)}</title>
<rect width="${width}" height="${height}" fill="#fff"/>
${ticks.map((tick) => `<line x1="${left}" x2="${width - 16}" y1="${y(tick)}" y2="${y(tick)}" stroke="#ddd"/><text x="${left - 6}" y="${y(tick)}" text-anchor="end" dominant-baseline="middle">${tick.toFixed(2)}</text>`).join('\n')}
${line(
  trained.map(({ step, loss }) => [step, loss!] as const),
  'stroke="#b8c8e8"',
)}
${line(
  trained.map(({ step }, index) => [step, mean[index]!] as const),
  'stroke="#1f4fa8" stroke-width="2"',
)}
${line(
  evaluated.map(({ step, validationLoss }) => [step, validationLoss!] as const),
  'stroke="#c0392b" stroke-width="2" stroke-dasharray="4 3"',
)}
<text x="${left}" y="${height - 10}">step 1</text><text x="${width - 16}" y="${height - 10}" text-anchor="end">step ${last}</text>
<text x="${width / 2}" y="${height - 10}" text-anchor="middle">loss in nats: <tspan fill="#1f4fa8">training</tspan>${evaluated.length > 0 ? ', <tspan fill="#c0392b">validation</tspan>' : ''}</text>
</svg>
`;
}

const blocks = '▁▂▃▄▅▆▇█';

/** The way of the losses in one line of text. */
export function sparkline(losses: readonly number[], columns = 24): string {
  const size = Math.max(1, losses.length / columns);
  const means = Array.from({ length: Math.min(columns, losses.length) }, (_, column) => {
    const part = losses.slice(
      Math.floor(column * size),
      Math.max(Math.floor((column + 1) * size), Math.floor(column * size) + 1),
    );
    return part.reduce((sum, loss) => sum + loss, 0) / part.length;
  });
  const [least, most] = [Math.min(...means), Math.max(...means)];
  return means
    .map((mean) => blocks[Math.round(((mean - least) / Math.max(most - least, 1e-9)) * (blocks.length - 1))])
    .join('');
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
