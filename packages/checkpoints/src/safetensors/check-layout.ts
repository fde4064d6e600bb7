import { ModelFormatError } from '@tessera/tensor-core';
import { quote } from '../source/quote.ts';
import type { TensorEntry } from './tensor-entry.ts';

/** Sizes that a layout is checked against, in bytes from the start of the file. */
export interface LayoutSite {
  readonly file: string;
  readonly dataOffset: number;
  readonly fileSize: number;
}

/** Checks that the tensors cover the data section without overlap, hole or rest, and returns them in its order. */
export function checkLayout(
  tensors: ReadonlyMap<string, TensorEntry>,
  { file, dataOffset, fileSize }: LayoutSite,
): ReadonlyMap<string, TensorEntry> {
  const entries = [...tensors.values()];
  const sorted = isSorted(entries);
  if (!sorted) entries.sort(compare);
  let end = dataOffset;
  let last: TensorEntry | undefined;
  for (const entry of entries) {
    if (entry.byteOffset < end) {
      fail(
        file,
        `tensor ${quote(entry.name)} begins ${end - entry.byteOffset} bytes before the end of tensor ${quote(last?.name ?? '')}`,
        'no overlap',
        entry,
      );
    }
    if (entry.byteOffset > end) {
      fail(
        file,
        `${entry.byteOffset - end} bytes before tensor ${quote(entry.name)} belong to no tensor`,
        'no hole',
        entry,
      );
    }
    end += entry.byteLength;
    if (end > fileSize)
      fail(file, `tensor ${quote(entry.name)} ends at byte ${end}`, `at most the ${fileSize} bytes of the file`, entry);
    last = entry;
  }
  if (end < fileSize) fail(file, `${fileSize - end} bytes follow the last tensor`, 'none');
  return sorted ? tensors : new Map(entries.map((entry) => [entry.name, entry]));
}

function compare(a: TensorEntry, b: TensorEntry): number {
  return a.byteOffset - b.byteOffset || a.byteLength - b.byteLength; // an empty tensor comes before the one that begins where it lies
}

function isSorted(entries: readonly TensorEntry[]): boolean {
  return entries.every((entry, index) => index === 0 || compare(entries[index - 1] as TensorEntry, entry) <= 0);
}

function fail(file: string, actual: string, expected: string, entry?: TensorEntry): never {
  throw new ModelFormatError(
    `${file}: ${actual}, expected ${expected}. The file is damaged or cut short; fetch it again.`,
    {
      facts: {
        file,
        actual,
        expected,
        ...(entry && { tensor: entry.name.slice(0, 1024), byteOffset: entry.byteOffset, byteLength: entry.byteLength }),
      },
    },
  );
}
