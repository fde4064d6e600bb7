import type { Part } from '../bench/model/parts.ts';
import { percent, table, time } from './text.ts';

/** Kinds of dispatch that are shown one by one. */
const shownParts = 12;

/** GPU time by kind of dispatch, of which the first ones are shown. */
export function partsTable(parts: readonly Part[]): string {
  const sum = (of: readonly Part[], what: 'count' | 'microseconds'): number =>
    of.reduce((total, part) => total + part[what], 0);
  const all = sum(parts, 'microseconds');
  const row = (label: string, of: readonly Part[]): string[] => [
    label,
    String(sum(of, 'count')),
    time(sum(of, 'microseconds')),
    percent(sum(of, 'microseconds') / all),
  ];
  const rest = parts.slice(shownParts);
  return table(
    ['kernels', 'dispatches', 'GPU time', 'of all kernels'],
    [
      ...parts.slice(0, shownParts).map((part) => row(part.label, [part])),
      ...(rest.length > 0 ? [row(`${rest.length} further kinds`, rest)] : []),
    ],
  );
}
