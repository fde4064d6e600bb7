import { decayStride, decayTable } from './chunk-decays.wgsl.ts';
import { four } from './chunk-pass.wgsl.ts';

/**
 * How the 4 × 4 tiles of a lower triangle of C × C products are shared out: first those below the diagonal, then those on it, so that
 * lanes side by side do the same.
 */
export interface Triangle {
  /** Tiles below the diagonal, and in all. */
  readonly below: number;
  readonly all: number;
  readonly lanes: number;
}

/** The triangle of a chunk of C entries. */
export function triangleOf(C: number): Triangle {
  const tiles = C / 4;
  const all = (tiles * (tiles + 1)) / 2;
  return { below: all - tiles, all, lanes: Math.max(64, 32 * Math.ceil(all / 32)) };
}

/** WGSL of the place of a lane's tile: rows from `4 i`, columns from `4 j`; `live` tells whether it has one, `onDiagonal` which kind. */
export function trianglePlace(C: number): string {
  const { below, all } = triangleOf(C);
  return `let live = lane < ${all}u;
  let onDiagonal = lane >= ${below}u;
  var i = min(lane - ${below}u, ${C / 4 - 1}u);
  var j = i;
  if (!onDiagonal) {
    i = 1u;
    j = lane;
    while (j >= i) { j -= i; i++; }
  }`;
}

/**
 * WGSL of the numbers of the factors, `slot0` … `slot2` of the table, whose product is the decay from the end of the four that a lane's
 * columns are to the start of the four that its rows are.
 */
export function triangleSlots(C: number): string {
  const { slot } = decayTable(C);
  return `var slot0 = ${slot.one};
  var slot1 = ${slot.one};
  var slot2 = ${slot.one};
  if (i / 4u != j / 4u) {
    slot0 = ${slot.toBlockEnd('j')};
    slot1 = ${slot.between('(i / 4u)', '(j / 4u)')};
    slot2 = ${slot.fromBlockStart('i')};
  } else {
    if (i > j + 1u) { slot0 = ${slot.all('(j + 1u)')}; }
    if (i > j + 2u) { slot1 = ${slot.all('(j + 2u)')}; }
  }`;
}

/** WGSL that multiplies a lane's sums by the decays between their entries, of a head whose keys decay alike. */
export function decayTriangle(C: number, ...names: readonly string[]): string {
  const scaled = (name: string, rows: readonly string[]): string =>
    rows.map((row, r) => `${name}${r} *= ${row};`).join(' ');
  const rows = ['x', 'y', 'z', 'w'];
  return `let own = alpha[i];
  if (onDiagonal) {
    ${names
      .map((name) =>
        scaled(name, [
          'vec4f(1.0)',
          'vec4f(own.y, 1.0, 1.0, 1.0)',
          'vec4f(own.y * own.z, own.z, 1.0, 1.0)',
          'vec4f(own.y * own.z * own.w, own.z * own.w, own.w, 1.0)',
        ]),
      )
      .join('\n    ')}
  } else {
    let other = alpha[j];
    let faded = vec4f(other.y * other.z * other.w, other.z * other.w, other.w, 1.0) * (factors[slot0] * factors[slot1] * factors[slot2]);
    let start = vec4f(own.x, own.x * own.y, own.x * own.y * own.z, own.x * own.y * own.z * own.w);
    ${names
      .map((name) =>
        scaled(
          name,
          rows.map((row) => `start.${row} * faded`),
        ),
      )
      .join('\n    ')}
  }`;
}

/** WGSL that adds the products of rows with columns for `depth` elements, in memory as vectors of four entries, to a lane's sums. */
export function triangleProducts(
  C: number,
  depth: number,
  left: Readonly<Record<string, string>>,
  right: string,
): string {
  const stride = decayStride(C);
  return `for (var d = 0u; d < ${depth}u; d++) {
      let y = ${right}[d * ${stride}u + j];
      ${Object.entries(left)
        .map(
          ([name, memory]) =>
            `{ let x = ${memory}[d * ${stride}u + i]; ${four((r) => `${name}${r} = fma(vec4f(x[${r}]), y, ${name}${r});`, ' ')} }`,
        )
        .join('\n      ')}
    }`;
}

/** The same, each element of a key with decays of its own: `scaled` are rows from the start of their four and columns to its end, `raw` as they are. */
export function decayedTriangleProducts(
  C: number,
  depth: number,
  scaled: { readonly left: Readonly<Record<string, string>>; readonly right: string },
  raw: { readonly left: Readonly<Record<string, string>>; readonly right: string },
): string {
  const stride = decayStride(C);
  const { slots } = decayTable(C);
  return `if (onDiagonal) {
      for (var d = 0u; d < ${depth}u; d++) {
        let decay = alpha[d * ${stride}u + i];
        let columns = ${raw.right}[d * ${stride}u + i];
        let y0 = vec4f(columns.x, 0.0, 0.0, 0.0);
        let y1 = vec4f(y0.x * decay.y, columns.y, 0.0, 0.0);
        let y2 = vec4f(y1.xy * decay.z, columns.z, 0.0);
        let y3 = vec4f(y2.xyz * decay.w, columns.w);
        ${Object.entries(raw.left)
          .map(
            ([name, memory]) =>
              `{ let x = ${memory}[d * ${stride}u + i]; ${four((r) => `${name}${r} = fma(vec4f(x[${r}]), y${r}, ${name}${r});`, ' ')} }`,
          )
          .join('\n        ')}
      }
    } else {
      for (var d = 0u; d < ${depth}u; d++) {
        let at = d * ${slots}u;
        let y = ${scaled.right}[d * ${stride}u + j] * (factors[at + slot0] * factors[at + slot1] * factors[at + slot2]);
        ${Object.entries(scaled.left)
          .map(
            ([name, memory]) =>
              `{ let x = ${memory}[d * ${stride}u + i]; ${four((r) => `${name}${r} = fma(vec4f(x[${r}]), y, ${name}${r});`, ' ')} }`,
          )
          .join('\n        ')}
      }
    }`;
}

/**
 * WGSL that writes a lane's sums into matrix `part` of those of a chunk, `[chunk, parts, C, C]`, with zeros where a row sees nothing: above
 * the diagonal, and on it where `strictly`. Also the zeros of the tile across the diagonal.
 */
export function writeTriangle(
  C: number,
  {
    name,
    buffer,
    part,
    parts,
    strictly,
  }: { name: string; buffer: string; part: number; parts: number; strictly: boolean },
): string {
  const row = (at: string): string => `(chunk * ${parts}u + ${part}u) * ${C}u + ${at}`;
  const kept = (r: number): string => `vec4f(${[0, 1, 2, 3].map((s) => (strictly ? s < r : s <= r) ? '1.0' : '0.0').join(', ')})`; // prettier-ignore
  return `if (onDiagonal) {
      ${four((r) => `write_${buffer}(${row(`i * 4u + ${r}u`)}, j * 4u, ${name}${r} * ${kept(r)});`)}
    } else {
      ${four((r) => `write_${buffer}(${row(`i * 4u + ${r}u`)}, j * 4u, ${name}${r}); write_${buffer}(${row(`j * 4u + ${r}u`)}, i * 4u, vec4f(0.0));`)}
    }`;
}
