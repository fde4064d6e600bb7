import type { RunResult } from './experiment.ts';

/** Runs of a mixer and a width, which differ in their seeds. */
export interface RunGroup {
  readonly mixer: string;
  readonly width: number;
  readonly runs: readonly RunResult[];
}

/** Runs by mixer and width, seeds in order. */
export function groupsOf(results: readonly RunResult[]): RunGroup[] {
  const groups = new Map<string, RunResult[]>();
  for (const result of results) {
    const key = `${result.mixer} ${result.width}`;
    groups.set(key, [...(groups.get(key) ?? []), result]);
  }
  return [...groups.values()].map((runs) => {
    const [{ mixer, width }] = runs as [RunResult, ...RunResult[]];
    return { mixer, width, runs: runs.toSorted((a, b) => a.seed - b.seed) };
  });
}
