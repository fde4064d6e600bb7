import type { StreamSeries, StreamingReport } from '../bench/streaming/bench-streaming.ts';
import { linesSvg } from '../experiments/lines-svg.ts';
import { number, table, timeSpread } from './text.ts';

const names: Readonly<Record<StreamSeries['cache'], string>> = { sinks: 'sinks and window', full: 'everything' };
const mebibytes = (bytes: number): string => `${number(bytes / 2 ** 20)} MiB`;

/** What tokens of streams take at growing positions. */
export function streamingTables(reports: readonly StreamingReport[]): string {
  return reports
    .flatMap(({ name, sinks, window, outcome, reason, series }) => [
      `### ${name}: ${sinks} sinks, window ${window}`,
      ...(reason === undefined ? [] : [`${outcome}: ${reason}`]),
      ...(outcome === 'dry' ? ['checked, no figures'] : []),
      ...(outcome === 'measured' ? [seriesTable(series)] : []),
      ...series.flatMap(({ cache, stopped }) => (stopped === undefined ? [] : [`${names[cache]}: ${stopped}.`])),
    ])
    .join('\n\n');
}

function seriesTable(series: readonly StreamSeries[]): string {
  const positions = [...new Set(series.flatMap(({ points }) => points.map(({ position }) => position)))];
  const rows = positions
    .toSorted((a, b) => a - b)
    .map((position) => [
      position.toLocaleString('en-US'),
      ...series.flatMap(({ points }) => {
        const point = points.find((each) => each.position === position);
        if (!point?.perToken) return ['—', '—', '—'];
        const first = points[0]!.perToken!.median;
        return [
          timeSpread(point.perToken),
          `${(point.perToken.median / first).toFixed(2)} ×`,
          mebibytes(point.neededBytes),
        ];
      }),
    ]);
  const columns = series.flatMap(({ cache }) =>
    ['a token', 'of the first', 'state'].map((column) => `${names[cache]}: ${column}`),
  );
  return table(['position', ...columns], rows);
}

/** The time of a token over its position, with sinks and without. */
export function streamingPicture({ name, sinks, window, series }: StreamingReport): string | undefined {
  const lines = series.map(({ cache, points }) => ({
    name: names[cache],
    points: points.flatMap(({ position, perToken }) => (perToken ? [[position, perToken.median / 1000] as const] : [])),
  }));
  if (lines.every(({ points }) => points.length < 2)) return undefined;
  return linesSvg(lines, {
    title: `${name}: ${sinks} sinks and a window of ${window}, beside attention to everything`,
    x: 'position in the stream',
    y: 'milliseconds a token',
    logarithmic: { x: true },
  });
}
