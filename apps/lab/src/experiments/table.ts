import type { RunResult } from './experiment.ts';
import { groupsOf } from './groups.ts';

/** A table in Markdown: a row for each mixer and width, its seeds together, with the lowest and the highest of them. */
export function tableOf(results: readonly RunResult[]): string {
  const names = [...new Set(results.flatMap(({ measured }) => Object.keys(measured)))];
  const head = ['mixer', 'width', 'parameters', 'tokens', 'seeds', ...names, 'seconds'];
  const rows = groupsOf(results).map(({ mixer, width, runs }) => {
    const [{ parameters, tokens }] = runs as [RunResult, ...RunResult[]];
    const spread = (values: readonly number[]): string => {
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
      return values.length === 1
        ? mean.toFixed(4)
        : `${mean.toFixed(4)} [${Math.min(...values).toFixed(4)}–${Math.max(...values).toFixed(4)}]`;
    };
    return [
      mixer,
      String(width),
      parameters.toLocaleString('en-US'),
      tokens.toLocaleString('en-US'),
      runs.map(({ seed }) => seed).join(', '),
      ...names.map((name) => spread(runs.map(({ measured }) => measured[name]!))),
      (runs.reduce((sum, { seconds }) => sum + seconds, 0) / runs.length).toFixed(1),
    ];
  });
  return [head, head.map((_, index) => (index === 0 ? '---' : '---:')), ...rows]
    .map((cells) => `| ${cells.join(' | ')} |\n`)
    .join('');
}
