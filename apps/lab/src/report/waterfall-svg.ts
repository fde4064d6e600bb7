import type { Waterfall, WaterfallStep } from '../bench/model/waterfall.ts';
import { percent, time } from './text.ts';

const width = 1040;
const labels = 400;
const values = 150;
const rowHeight = 30;
const shownParts = 10;
const longestLabel = 50;

const style = `
  :root { --ground: #ffffff; --text: #1b1f24; --soft: #59636e; --line: #d1d9e0;
    --bound: #1a7f37; --kernels: #0969da; --gaps: #bc4c00; --host: #8250df; --readback: #bf3989; }
  @media (prefers-color-scheme: dark) {
    :root { --ground: #0d1117; --text: #e6edf3; --soft: #9198a1; --line: #3d444d;
      --bound: #3fb950; --kernels: #58a6ff; --gaps: #f0883e; --host: #bc8cff; --readback: #f778ba; }
  }
  .ground { fill: var(--ground); }
  text { font: 14px system-ui, -apple-system, "Segoe UI", sans-serif; fill: var(--text); }
  .title { font-size: 18px; font-weight: 600; }
  .soft { fill: var(--soft); }
  .line { stroke: var(--line); }
`;

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

/** Without the package of an op, and no longer than there is room. */
function short(label: string): string {
  const text = label.replaceAll(/@[\w-]+\/[\w-]+:/g, '');
  return text.length <= longestLabel ? text : `${text.slice(0, longestLabel - 1)}…`;
}

/** A row: what it is, a bar from one time to another, and how much that is. */
function row(y: number, label: string, from: number, to: number, kind: WaterfallStep['kind'], value: string): string {
  const room = width - labels - values;
  const at = (part: number): string => (labels + room * Math.min(1, Math.max(0, part))).toFixed(1);
  const length = Math.max(1, room * Math.min(1, to) - room * Math.max(0, from)).toFixed(1);
  const middle = y + 20;
  return [
    `<text x="${labels - 12}" y="${middle}" text-anchor="end">${escaped(short(label))}</text>`,
    `<rect x="${at(from)}" y="${y + 5}" width="${length}" height="${rowHeight - 10}" rx="2" style="fill: var(--${kind})"/>`,
    `<text x="${width - 16}" y="${middle}" text-anchor="end">${escaped(value)}</text>`,
  ].join('\n');
}

/** A waterfall as a picture: from the bound down to what somebody waits for, and below it the kernels by kind. */
export function waterfallSvg({ title, steps, parts, kernels, dispatches, total }: Waterfall): string {
  const whole = steps.reduce((sum, { microseconds }) => sum + microseconds, 0);
  const rows: string[] = [];
  let y = 48;
  let before = 0;
  for (const { label, kind, microseconds } of steps) {
    const after = before + microseconds;
    rows.push(
      row(y, label, before / whole, after / whole, kind, `${time(microseconds)}  ${percent(microseconds / whole)}`),
    );
    before = after;
    y += rowHeight;
  }
  rows.push(
    `<line class="line" x1="${labels}" x2="${width - 16}" y1="${y + 2}" y2="${y + 2}"/>`,
    `<text x="${labels - 12}" y="${y + 24}" text-anchor="end">until the result is there</text>`,
    `<text x="${width - 16}" y="${y + 24}" text-anchor="end">${escaped(time(total))}</text>`,
    `<text class="soft" x="16" y="${y + 66}">Kernels by kind: ${escaped(time(kernels))} of GPU time in ${dispatches} dispatches</text>`,
  );
  y += 78;
  const rest = parts.slice(shownParts);
  const shown = [
    ...parts.slice(0, shownParts),
    ...(rest.length === 0
      ? []
      : [
          {
            label: `${rest.length} further kinds`,
            count: rest.reduce((sum, { count }) => sum + count, 0),
            microseconds: rest.reduce((sum, { microseconds }) => sum + microseconds, 0),
          },
        ]),
  ];
  for (const { label, count, microseconds } of shown) {
    const value = `${time(microseconds)} in ${count}`;
    rows.push(row(y, label, 0, microseconds / whole, 'kernels', value));
    y += rowHeight;
  }
  const height = y + 16;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">
<title>${escaped(title)}</title>
<style>${style}</style>
<rect class="ground" width="${width}" height="${height}"/>
<text class="title" x="16" y="30">${escaped(title)}</text>
${rows.join('\n')}
</svg>
`;
}
