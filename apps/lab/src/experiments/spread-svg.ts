import { groupsOf } from './groups.ts';
import type { RunResult } from './experiment.ts';

const [width, left, right, top, rowHeight] = [860, 190, 130, 76, 26];

const style = `
  :root { --ground: #ffffff; --text: #1b1f24; --soft: #59636e; --line: #d1d9e0; --dot: #0969da; }
  @media (prefers-color-scheme: dark) {
    :root { --ground: #0d1117; --text: #e6edf3; --soft: #9198a1; --line: #3d444d; --dot: #58a6ff; }
  }
  .ground { fill: var(--ground); }
  text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: var(--text); }
  .title { font-size: 17px; font-weight: 600; }
  .soft { fill: var(--soft); }
  .line { stroke: var(--line); }
  .dot { fill: var(--dot); fill-opacity: 0.55; }
  .mean { stroke: var(--dot); stroke-width: 2.5; }
`;

/** A row for each mixer and width: a dot for each seed, a stroke at their mean, best first. */
export function spreadSvg(results: readonly RunResult[], what: string, { title, higherIsBetter }: SpreadText): string {
  const rows = groupsOf(results)
    .map(({ mixer, width: size, runs }) => {
      const values = runs.map(({ measured }) => measured[what]!);
      return { mixer, size, values, mean: values.reduce((sum, value) => sum + value, 0) / values.length };
    })
    .sort((a, b) => (higherIsBetter ? b.mean - a.mean : a.mean - b.mean));
  const all = rows.flatMap(({ values }) => values);
  const [low, high] = [Math.min(...all), Math.max(...all)];
  const room = 0.04 * (high - low) || 0.01;
  const x = (value: number): string =>
    (left + ((width - left - right) * (value - low + room)) / (high - low + 2 * room)).toFixed(1);
  const sizes = new Set(rows.map(({ size }) => size)).size;
  const bottom = top + rows.length * rowHeight;
  const ticks = [low, (low + high) / 2, high];
  const lines = [
    ...ticks.map(
      (value) =>
        `<line class="line" x1="${x(value)}" x2="${x(value)}" y1="${top}" y2="${bottom}"/><text class="soft" x="${x(value)}" y="${top - 8}" text-anchor="middle">${value.toFixed(3)}</text>`,
    ),
    ...rows.map(({ mixer, size, values, mean }, index) => {
      const y = top + (index + 0.5) * rowHeight;
      return [
        `<text x="${left - 14}" y="${y + 4}" text-anchor="end">${mixer}${sizes > 1 ? `, width ${size}` : ''}</text>`,
        ...values.map((value) => `<circle class="dot" cx="${x(value)}" cy="${y}" r="5"/>`),
        `<line class="mean" x1="${x(mean)}" x2="${x(mean)}" y1="${y - 8}" y2="${y + 8}"/>`,
        `<text class="soft" x="${width - 16}" y="${y + 4}" text-anchor="end">${mean.toFixed(4)}</text>`,
      ].join('');
    }),
  ];
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${bottom + 20}" role="img" aria-label="${title}"><style>${style}</style>
<rect class="ground" width="${width}" height="${bottom + 20}"/>
<text class="title" x="16" y="30">${title}</text>
<text class="soft" x="${width - 16}" y="${top - 8}" text-anchor="end">mean</text>
${lines.join('\n')}
</svg>
`;
}

/** What a {@link spreadSvg} is called, and which end of it is the good one. */
export interface SpreadText {
  readonly title: string;
  readonly higherIsBetter: boolean;
}
