/** Lanes of a workgroup: 8 × 16, each with 4 × 4 sums. */
export const tileLanes = 128;
/** Rows and columns of a tile. */
export const tileRows = 32;
export const tileColumns = 64;
const depth = 16;

/** A factor in workgroup memory, by WGSL that reads four of its numbers. */
export interface TileFactor {
  /** `sums`: the four lie along the sums, at (`x`, `d` … `d` + 3); `tile`: across them, at (`x` … `x` + 3, `d`). */
  readonly along: 'sums' | 'tile';
  /** WGSL of a vec4f with zeros wherever x or d lies outside; both count from the start of tile and sums. */
  read(x: string, d: string): string;
}

/** Workgroup memory of {@link tileProducts}. */
export const tileMemory: string = `var<workgroup> left: array<vec4f, ${depth * (tileRows / 4 + 1)}>;
var<workgroup> right: array<vec4f, ${depth * (tileColumns / 4 + 1)}>;`;

/**
 * WGSL that sums products of the rows of one factor with the columns of another into `sum0` … `sum3`, four columns each, of the
 * rows `4 * ty + r` and the columns from `4 * tx` on.
 * @param length - WGSL of the number of products in a sum, uniform over the workgroup
 */
export function tileProducts(left: TileFactor, right: TileFactor, length: string): string {
  return `let ty = lane / 16u;
  let tx = lane % 16u;
  ${[0, 1, 2, 3].map((r) => `var sum${r} = vec4f(0.0);`).join(' ')}
  for (var d0 = 0u; d0 < ${length}; d0 += ${depth}u) {
    ${load('left', tileRows, left)}
    ${load('right', tileColumns, right)}
    workgroupBarrier();
    for (var d = 0u; d < ${depth}u; d++) {
      let a = left[d * ${tileRows / 4 + 1}u + ty];
      let b = right[d * ${tileColumns / 4 + 1}u + tx];
      ${[0, 1, 2, 3].map((r) => `sum${r} = fma(vec4f(a[${r}]), b, sum${r});`).join(' ')}
    }
    workgroupBarrier();
  }`;
}

function load(memory: string, extent: number, { along, read }: TileFactor): string {
  const stride = extent / 4 + 1;
  const quads = (extent * depth) / 4;
  return along === 'sums'
    ? `for (var q = lane; q < ${quads}u; q += ${tileLanes}u) {
      let x = q / ${depth / 4}u;
      let d = (q % ${depth / 4}u) * 4u;
      let four = ${read('x', 'd0 + d')};
      for (var j = 0u; j < 4u; j++) { ${memory}[(d + j) * ${stride}u + x / 4u][x % 4u] = four[j]; }
    }`
    : `for (var q = lane; q < ${quads}u; q += ${tileLanes}u) {
      let x = (q % ${extent / 4}u) * 4u;
      let d = q / ${extent / 4}u;
      ${memory}[d * ${stride}u + x / 4u] = ${read('x', 'd0 + d')};
    }`;
}

/**
 * WGSL of a function `name(row, column) -> vec4f`: four numbers of a matrix whose rows lie after one another, zeros beyond
 * `columns` and where `row` is not below `rows`.
 */
export function readMatrix(name: string, four: string, columns: number): string {
  return `fn ${name}(base: u32, row: u32, column: u32, rows: u32) -> vec4f {
  if (row >= rows || column >= ${columns}u) { return vec4f(0.0); }
  let x = ${four}(base + row * ${columns}u + column);
  return select(vec4f(0.0), x, vec4u(column) + vec4u(0u, 1u, 2u, 3u) < vec4u(${columns}u));
}`;
}
