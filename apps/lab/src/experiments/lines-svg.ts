/** Points that are joined by a line. */
export interface Line {
  readonly name: string;
  readonly points: readonly (readonly [number, number])[];
}

/** What a {@link linesSvg} says beside its lines. */
export interface LinesText {
  readonly title: string;
  readonly x: string;
  readonly y: string;
  /** Logarithmic axes; points at 0 and below are then left out. @defaultValue neither */
  readonly logarithmic?: { readonly x?: boolean; readonly y?: boolean };
  /** Places on the x axis to mark, by what is there. */
  readonly marks?: readonly (readonly [number, string])[];
  /** More SVG below the lines, as high as it says. */
  readonly below?: { readonly height: number; draw(top: number): string };
}

const [width, height, left, right, top, bottom] = [860, 400, 76, 190, 76, 56];
const [light, dark] = [
  ['#0969da', '#bc4c00', '#1a7f37', '#8250df', '#bf3989', '#57606a', '#9a6700', '#0598bc'],
  ['#58a6ff', '#f0883e', '#56d364', '#bc8cff', '#f778ba', '#9198a1', '#d29922', '#39c5cf'],
];
const variables = (colours: readonly string[]): string =>
  colours.map((colour, index) => `--c${index}: ${colour};`).join(' ');

/** Ground, text and colours of a picture, light and dark. */
const pictureStyle: string = `
  :root { --ground: #ffffff; --text: #1b1f24; --soft: #59636e; --line: #d1d9e0; ${variables(light!)} }
  @media (prefers-color-scheme: dark) {
    :root { --ground: #0d1117; --text: #e6edf3; --soft: #9198a1; --line: #3d444d; ${variables(dark!)} }
  }
  .ground { fill: var(--ground); }
  text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: var(--text); }
  .title { font-size: 17px; font-weight: 600; }
  .soft { fill: var(--soft); }
  .line { stroke: var(--line); }
  .mark { stroke: var(--soft); stroke-dasharray: 3 4; }
  .curve { fill: none; stroke-width: 2; stroke-linejoin: round; }
`;

/** The colour of a line, by its number. */
export const colourOf = (index: number): string => `var(--c${index % light!.length})`;

/** Lines over a common x axis, each named at its end. */
export function linesSvg(
  lines: readonly Line[],
  { title, x, y, logarithmic = {}, marks = [], below }: LinesText,
): string {
  const shown = lines.map(({ name, points }) => ({
    name,
    points: points.filter(([a, b]) => (!logarithmic.x || a > 0) && (!logarithmic.y || b > 0)),
  }));
  const all = shown.flatMap(({ points }) => points);
  const [across, along] = [
    axisOf(
      all.map(([a]) => a),
      [left, width - right],
      logarithmic.x,
    ),
    axisOf(
      all.map(([, b]) => b),
      [height - bottom, top],
      logarithmic.y,
    ),
  ];
  const whole = height + (below?.height ?? 0);
  const names = apart(
    shown.flatMap(({ name, points }, index) =>
      points.length > 0 ? [{ name, index, y: along.at(points.at(-1)![1]) }] : [],
    ),
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${whole}" role="img" aria-label="${title}"><style>${pictureStyle}</style>`,
    `<rect class="ground" width="${width}" height="${whole}"/>`,
    `<text class="title" x="16" y="30">${title}</text><text class="soft" x="16" y="56">${y}</text>`,
    ...along.ticks.map(
      (value) =>
        `<line class="line" x1="${left}" x2="${width - right}" y1="${round(along.at(value))}" y2="${round(along.at(value))}"/><text class="soft" x="${left - 8}" y="${round(along.at(value) + 4)}" text-anchor="end">${tickText(value)}</text>`,
    ),
    ...across.ticks.map(
      (value) =>
        `<text class="soft" x="${round(across.at(value))}" y="${height - bottom + 20}" text-anchor="middle">${tickText(value)}</text>`,
    ),
    `<text class="soft" x="${(left + width - right) / 2}" y="${height - bottom + 42}" text-anchor="middle">${x}</text>`,
    ...marks.map(
      ([value, name]) =>
        `<line class="mark" x1="${round(across.at(value))}" x2="${round(across.at(value))}" y1="${top}" y2="${height - bottom}"/><text class="soft" x="${round(across.at(value) + 4)}" y="${top - 4}">${name}</text>`,
    ),
    ...shown.map(
      ({ points }, index) =>
        `<polyline class="curve" stroke="${colourOf(index)}" points="${points.map(([a, b]) => `${round(across.at(a))},${round(along.at(b))}`).join(' ')}"/>`,
    ),
    ...names.map(
      ({ name, index, y: at }) =>
        `<text x="${width - right + 10}" y="${round(at + 4)}" style="fill: ${colourOf(index)}">${name}</text>`,
    ),
    ...(below ? [below.draw(height)] : []),
    '</svg>\n',
  ].join('\n');
}

interface Axis {
  readonly ticks: readonly number[];
  at(value: number): number;
}

function axisOf(values: readonly number[], [from, to]: readonly [number, number], logarithmic = false): Axis {
  const scale = (value: number): number => (logarithmic ? Math.log10(value) : value);
  const [low, high] = [scale(Math.min(...values)), scale(Math.max(...values))];
  const span = high - low || 1;
  const at = (value: number): number => from + ((to - from) * (scale(value) - low)) / span;
  const step = logarithmic ? Math.max(1, Math.round(span / 4)) : niceStep(span / 4);
  const first = Math.ceil(low / step - 1e-9);
  const count = Math.floor(high / step + 1e-9) - first + 1;
  const ticks = Array.from({ length: Math.max(0, count) }, (_, index) => (first + index) * step);
  return { ticks: logarithmic ? ticks.map((power) => 10 ** power) : ticks, at };
}

/** 1, 2 or 5 times a power of ten, at least as much as given. */
function niceStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  return [1, 2, 5, 10].find((factor) => factor * power >= least)! * power;
}

/** Names of lines that end close together, moved apart. */
function apart<Named extends { readonly y: number }>(names: readonly Named[]): Named[] {
  let last = -Infinity;
  const room = 16;
  const sorted = names.toSorted((a, b) => a.y - b.y);
  const overflow = Math.max(0, top + sorted.length * room - (height - bottom));
  return sorted.map((name) => {
    last = Math.max(name.y - overflow / 2, last + room);
    return { ...name, y: last };
  });
}

const round = (value: number): string => value.toFixed(1);

function tickText(value: number): string {
  if (value !== 0 && (Math.abs(value) >= 1e6 || Math.abs(value) < 1e-3))
    return value.toExponential(0).replace('e+', 'e');
  return Number(value.toPrecision(4)).toLocaleString('en-US', { maximumFractionDigits: 4 });
}
