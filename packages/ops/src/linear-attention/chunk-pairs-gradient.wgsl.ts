import { four } from './chunk-pass.wgsl.ts';
import { triangleOf } from './chunk-triangle.wgsl.ts';

/** WGSL of memory for what every tile of a triangle of pairs tells. */
export function pairsMemory(C: number): string {
  const { all } = triangleOf(C);
  return `var<workgroup> toRows: array<vec4f, ${all}>;
var<workgroup> toColumns: array<vec4f, ${all}>;`;
}

/** Bytes of {@link pairsMemory}. */
export function pairsBytes(C: number): number {
  return 32 * triangleOf(C).all;
}

/**
 * WGSL that sums numbers of pairs over all s < u ≤ r for every entry u: `pairs0` … `pairs3` are the rows of a lane's tile of the triangle. A
 * tile tells for each u of its rows the sum over its rows from u on, and for each u of its columns that over its columns before
 * u; the first of all its rows is the whole tile, for the fours between. `take` is WGSL that takes `total` at entry `u`. Ends with no barrier.
 */
export function sumPairsAcross(C: number, lanes: number, take: string): string {
  const tiles = C / 4;
  const { below } = triangleOf(C);
  const tile = (later: string, earlier: string): string => `${later} * (${later} - 1u) / 2u + ${earlier}`;
  const before = ['0.0', 'sum.x', 'sum.x + sum.y', 'sum.x + sum.y + sum.z'];
  return `if (live) {
    if (onDiagonal) {
      toRows[lane] = vec4f(0.0, pairs1.x + pairs2.x + pairs3.x, pairs2.x + pairs2.y + pairs3.x + pairs3.y, pairs3.x + pairs3.y + pairs3.z);
    } else {
      let sum = pairs0 + pairs1 + pairs2 + pairs3;
      toColumns[lane] = vec4f(${before.join(', ')});
      ${four((r) => `let row${r} = dot(pairs${r}, vec4f(1.0));`, ' ')}
      toRows[lane] = vec4f(row0 + row1 + row2 + row3, row1 + row2 + row3, row2 + row3, row3);
    }
  }
  workgroupBarrier();
  for (var u = lane; u < ${C}u; u += ${lanes}u) {
    let own = u / 4u;
    var total = toRows[${below}u + own][u % 4u];
    for (var earlier = 0u; earlier < own; earlier++) {
      total += toRows[${tile('own', 'earlier')}][u % 4u];
      for (var later = own + 1u; later < ${tiles}u; later++) { total += toRows[${tile('later', 'earlier')}].x; }
    }
    for (var later = own + 1u; later < ${tiles}u; later++) { total += toColumns[${tile('later', 'own')}][u % 4u]; }
    ${take}
  }`;
}
