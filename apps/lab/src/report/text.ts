import type { Statistics } from '../bench/statistics.ts';

/** A table of markdown. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(header), line(header.map((_, i) => (i === 0 ? '---' : '---:'))), ...rows.map(line)].join('\n');
}

/** Three digits. */
export function number(value: number): string {
  if (!Number.isFinite(value)) return '—';
  const size = Math.abs(value);
  if (size >= 100 || value === 0) return Math.round(value).toString();
  return value.toFixed(size >= 10 ? 1 : size >= 1 ? 2 : 3);
}

/** A time in a unit that suits it. */
export function time(microseconds: number): string {
  if (Math.abs(microseconds) >= 1e6) return `${number(microseconds / 1e6)} s`;
  return Math.abs(microseconds) >= 1000 ? `${number(microseconds / 1000)} ms` : `${number(microseconds)} µs`;
}

/** A median with its quartiles, in the unit of the median. */
export function timeSpread({ median, low, high }: Statistics): string {
  const factor = median >= 1e6 ? 1e6 : median >= 1000 ? 1000 : 1;
  return `${time(median)} [${number(low / factor)}–${number(high / factor)}]`;
}

/** A rate with its quartiles. */
export function spread({ median, low, high }: Statistics): string {
  return `${number(median)} [${number(low)}–${number(high)}]`;
}

/** A part as percent. */
export function percent(part: number): string {
  return `${number(100 * part)} %`;
}
