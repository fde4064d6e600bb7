/** Vectors of a row that one pass over {@link chunkProducts} takes. */
export const slabQuads = 4;
/** Vectors between rows of a slab: odd, so that lanes at several rows read different banks. */
export const slabStride = 5;

/**
 * WGSL that adds the products of two slabs of C rows to 4 × 4 scores of a lane, `p0` … `p3`: rows from `4 i` of `left` with
 * rows from `4 j` of `right`.
 */
export function chunkProducts(left: string, right: string): string {
  const four = [0, 1, 2, 3];
  return `for (var d = 0u; d < ${slabQuads}u; d++) {
        ${four.map((n) => `let x${n} = ${left}[(i * 4u + ${n}u) * ${slabStride}u + d];`).join(' ')}
        ${four.map((n) => `let y${n} = ${right}[(j * 4u + ${n}u) * ${slabStride}u + d];`).join(' ')}
        ${four.map((n) => `p${n} += vec4f(${four.map((m) => `dot(x${n}, y${m})`).join(', ')});`).join('\n        ')}
      }`;
}
