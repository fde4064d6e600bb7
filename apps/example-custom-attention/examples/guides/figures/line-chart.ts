/** A line of a {@link LineChart}. */
export interface Line {
  readonly label: string;
  /** Which of the colours, from 0 on; lines of one kind share a hue. */
  readonly hue: number;
  readonly dashed?: boolean;
  readonly points: readonly (readonly [x: number, y: number])[];
}

/** A mark of an axis. */
export interface Tick {
  readonly at: number;
  readonly label: string;
}

/** Lines over two logarithmic axes. */
export interface LineChart {
  readonly title: string;
  /** Axis labels, with their units. */
  readonly x: { readonly label: string; readonly ticks: readonly Tick[] };
  readonly y: { readonly label: string; readonly ticks: readonly Tick[] };
  readonly lines: readonly Line[];
}

const [width, height] = [960, 520];
const [left, right, top, bottom] = [104, 264, 56, 60];
const labelHeight = 20;

const style = `
  :root { --ground: #ffffff; --text: #1b1f24; --soft: #59636e; --line: #e3e8ed;
    --hue0: #0969da; --hue1: #bc4c00; --hue2: #1a7f37; }
  @media (prefers-color-scheme: dark) {
    :root { --ground: #0d1117; --text: #e6edf3; --soft: #9198a1; --line: #2a313a;
      --hue0: #58a6ff; --hue1: #f0883e; --hue2: #3fb950; }
  }
  .ground { fill: var(--ground); }
  text { font: 14px system-ui, -apple-system, "Segoe UI", sans-serif; fill: var(--text); }
  .title { font-size: 17px; font-weight: 600; }
  .soft { fill: var(--soft); }
  .grid { stroke: var(--line); }
  .series { fill: none; stroke-width: 2; }
  .leader { stroke: var(--soft); stroke-width: 0.75; fill: none; }
`;

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

/** Places at least `least` apart and as near to those wanted as that allows, which are in order. */
function apart(wanted: readonly number[], least: number): number[] {
  const blocks: { start: number; places: number[] }[] = [];
  for (const place of wanted) {
    blocks.push({ start: place, places: [place] });
    for (let last = blocks.at(-1)!, before = blocks.at(-2); before; last = blocks.at(-1)!, before = blocks.at(-2)) {
      if (before.start + before.places.length * least <= last.start) break;
      blocks.splice(-2, 2, merged([...before.places, ...last.places], least));
    }
  }
  return blocks.flatMap(({ start, places }) => places.map((_, index) => start + index * least));
}

function merged(places: readonly number[], least: number): { start: number; places: number[] } {
  const offsets = places.map((place, index) => place - index * least);
  return { start: offsets.reduce((total, offset) => total + offset, 0) / places.length, places: [...places] };
}

/** The chart as a picture that is readable on light and dark grounds. Each line has its name at its end. */
export function lineChartSvg({ title, x, y, lines }: LineChart): string {
  const scale = (ticks: readonly Tick[], from: number, to: number) => {
    const [low, high] = [Math.log(ticks[0]!.at), Math.log(ticks.at(-1)!.at)];
    return (value: number): number => from + ((Math.log(value) - low) / (high - low)) * (to - from);
  };
  const across = scale(x.ticks, left, width - right);
  const up = scale(y.ticks, height - bottom, top);
  const fixed = (value: number): string => value.toFixed(1);
  const grid = [
    ...x.ticks.map(
      ({ at, label }) =>
        `<line class="grid" x1="${fixed(across(at))}" x2="${fixed(across(at))}" y1="${top}" y2="${height - bottom}"/>\n<text class="soft" x="${fixed(across(at))}" y="${height - bottom + 22}" text-anchor="middle">${escaped(label)}</text>`,
    ),
    ...y.ticks.map(
      ({ at, label }) =>
        `<line class="grid" x1="${left}" x2="${width - right}" y1="${fixed(up(at))}" y2="${fixed(up(at))}"/>\n<text class="soft" x="${left - 10}" y="${fixed(up(at) + 5)}" text-anchor="end">${escaped(label)}</text>`,
    ),
  ];
  const ordered = lines.toSorted((a, b) => up(a.points.at(-1)![1]) - up(b.points.at(-1)![1]));
  const places = apart(
    ordered.map(({ points }) => up(points.at(-1)![1])),
    labelHeight,
  );
  const drawn = ordered.map(({ label, hue, dashed, points }, index) => {
    const path = points.map(([px, py]) => `${fixed(across(px))},${fixed(up(py))}`).join(' ');
    const [endX, endY] = points.at(-1)!;
    const [fromX, fromY, place] = [across(endX), up(endY), places[index]!];
    return [
      `<polyline class="series" points="${path}" style="stroke: var(--hue${hue})"${dashed ? ' stroke-dasharray="6 4"' : ''}/>`,
      `<polyline class="leader" points="${fixed(fromX + 4)},${fixed(fromY)} ${fixed(fromX + 18)},${fixed(place)} ${fixed(fromX + 24)},${fixed(place)}"/>`,
      `<text x="${fixed(fromX + 28)}" y="${fixed(place + 5)}" style="fill: var(--hue${hue})">${escaped(label)}</text>`,
    ].join('\n');
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">
<title>${escaped(title)}</title>
<style>${style}</style>
<rect class="ground" width="${width}" height="${height}"/>
<text class="title" x="16" y="28">${escaped(title)}</text>
${grid.join('\n')}
<text class="soft" x="${fixed((left + width - right) / 2)}" y="${height - 14}" text-anchor="middle">${escaped(x.label)}</text>
<text class="soft" transform="translate(20 ${fixed((top + height - bottom) / 2)}) rotate(-90)" text-anchor="middle">${escaped(y.label)}</text>
${drawn.join('\n')}
</svg>
`;
}
