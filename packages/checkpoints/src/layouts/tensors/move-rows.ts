import type { RegroupRule, SplitRule } from '@tessera/plugin';

/** A run of rows that goes from one tensor to another. */
export interface RowRun {
  /** Which of the published tensors, and its first row. */
  readonly published: number;
  readonly publishedRow: number;
  /** Which of ours, and its first row. */
  readonly ours: number;
  readonly oursRow: number;
  readonly rows: number;
}

/** The runs of rows of a rule: each row of the published tensors and each of ours is in exactly one. */
export function rowRuns(rule: SplitRule | RegroupRule): readonly RowRun[] {
  const { blocks = 1 } = rule;
  const borders = rule.kind === 'regroup' ? rule.rows : undefined;
  const runs: RowRun[] = [];
  let published = 0;
  let publishedRow = 0;
  for (let block = 0; block < blocks; block++)
    for (const [ours, size] of rule.sizes.entries()) {
      for (let done = 0; done < size;) {
        // Step over published tensors that are used up, or have no rows.
        while (borders && published < borders.length - 1 && publishedRow >= (borders[published] as number)) {
          published += 1;
          publishedRow = 0;
        }
        const left = borders ? (borders[published] as number) - publishedRow : Infinity;
        const rows = Math.min(size - done, left);
        if (rows <= 0) return runs;
        runs.push({ published, publishedRow, ours, oursRow: block * size + done, rows });
        publishedRow += rows;
        done += rows;
      }
    }
  return runs;
}
