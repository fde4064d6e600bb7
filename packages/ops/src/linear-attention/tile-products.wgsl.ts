import { four } from './chunk-pass.wgsl.ts';

/** Elements of rows and columns that are in workgroup memory at a time. */
const depthStep = 16;
const columnTiles = 16;

/** Columns of a tile; 16 lanes have four each. */
export const tileColumns = 64;

/** A factor of a product, by WGSL that reads four of its numbers: at `x`, a row or column of the tile, and `d`, an element of the sums. */
export interface Factor {
  /** Which way the four go: along `d`, or from `x` on. */
  readonly along: 'd' | 'x';
  read(x: string, d: string): string;
}

/** Sums of products of rows of some factors with the columns of one. */
export interface TileProducts {
  /** Names of sums, `name0` … `name3` for the four rows of a lane, and the factor whose rows they have. */
  readonly left: Readonly<Record<string, Factor>>;
  readonly right: Factor;
  /** Elements of the sums. */
  readonly depth: number;
  /** WGSL of whether a lane's rows have anything but zeros from element `d` to `end`. Absent: always. */
  readonly any?: (d: string, end: string) => string;
}

/** Lanes of a workgroup with a tile of so many rows, a multiple of 4 up to 64. */
export function tileLanes(rows: number): number {
  return (rows / 4) * columnTiles;
}

/** WGSL of workgroup memory for products of so many factors from the left with one from the right. */
export function tileMemory(rows: number, lefts: number): string {
  return `var<workgroup> strip: array<vec4f, ${depthStep * (lefts * (rows / 4 + 1) + columnTiles + 1)}>;`;
}

/** Bytes of {@link tileMemory}. */
export function tileMemoryBytes(rows: number, lefts: number): number {
  return 16 * depthStep * (lefts * (rows / 4 + 1) + columnTiles + 1);
}

/** WGSL of what is known in a tile: `ty` and `tx`, the lane's four rows and four columns. */
export const tilePlace: string = `let ty = lane / ${columnTiles}u;
  let tx = lane % ${columnTiles}u;`;

/** WGSL that starts sums at zero. */
export function zeroSums(...names: readonly string[]): string {
  return names.map((name) => four((r) => `var ${name}${r} = vec4f(0.0);`, ' ')).join('\n  ');
}

function load(rows: number, first: number, tiles: number, { along, read }: Factor): string {
  const lanes = tileLanes(rows);
  const stride = tiles + 1;
  return along === 'x'
    ? `for (var e = lane; e < ${depthStep * tiles}u; e += ${lanes}u) {
      let x = (e % ${tiles}u) * 4u;
      let d = d0 + e / ${tiles}u;
      strip[${first}u + (e / ${tiles}u) * ${stride}u + e % ${tiles}u] = ${read('x', 'd')};
    }`
    : `for (var e = lane; e < ${depthStep * tiles}u; e += ${lanes}u) {
      let x = e / ${depthStep / 4}u;
      let d = d0 + (e % ${depthStep / 4}u) * 4u;
      let y = ${read('x', 'd')};
      let place = ${first}u + (e % ${depthStep / 4}u) * ${4 * stride}u + x / 4u;
      ${four((j) => `strip[place + ${j * stride}u][x % 4u] = y[${j}];`, ' ')}
    }`;
}

/** WGSL that adds products to sums. Ends with a barrier. */
export function tileProducts(rows: number, { left, right, depth, any }: TileProducts): string {
  const tiles = rows / 4;
  const sums = Object.entries(left);
  const size = depthStep * (tiles + 1);
  const rightAt = size * sums.length;
  return `for (var d0 = 0u; d0 < ${depth}u; d0 += ${depthStep}u) {
    ${sums.map(([, factor], index) => load(rows, index * size, tiles, factor)).join('\n    ')}
    ${load(rows, rightAt, columnTiles, right)}
    workgroupBarrier();
    ${any ? `if (${any('d0', `(d0 + ${depthStep - 1}u)`)}) ` : ''}{ for (var d = 0u; d < ${depthStep}u; d++) {
      let y = strip[${rightAt}u + d * ${columnTiles + 1}u + tx];
      ${sums
        .map(
          ([name], index) => `{ let x = strip[${index * size}u + d * ${tiles + 1}u + ty];
      ${four((r) => `${name}${r} = fma(vec4f(x[${r}]), y, ${name}${r});`)} }`,
        )
        .join('\n      ')}
    } }
    workgroupBarrier();
  }`;
}
