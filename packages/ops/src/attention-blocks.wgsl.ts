import type { Attributes } from './attention.wgsl.ts';

/** Queries and keys of a tile; 16 × 16 invocations have 4 × 4 scores each, rows `ty`, columns `tx`. */
export const tile = 64;
/** Elements of rows and columns that are in workgroup memory at a time. */
const depth = 16;
/** Vectors from one line to the next in workgroup memory: one more than needed, against bank conflicts. */
const stride = tile / 4 + 1;
/** Vectors of workgroup memory through which rows and columns pass. */
const stripVectors = 2 * depth * stride;
/** Vectors of a tile of weights. */
const weightVectors = tile * stride;

const four = [0, 1, 2, 3];

/** WGSL for each of an invocation's four rows. */
export function eachRow(code: (r: number) => string): string {
  return four.map(code).join(' ');
}

/** WGSL of a vector from its components. */
export function vector(code: (c: number) => string): string {
  return `vec4f(${four.map(code).join(', ')})`;
}

/** Vectors that an invocation has of each of its rows in a sum of `quads` vectors a row. */
function share(quads: number): number {
  return Math.ceil(quads / 16);
}

/** WGSL for each vector of each row of a sum. */
export function eachSum(quads: number, code: (r: number, v: number) => string): string {
  return four.map((r) => Array.from({ length: share(quads) }, (_, v) => code(r, v)).join(' ')).join(' ');
}

/** WGSL of workgroup memory that the blocks use. */
export const tileMemory: string = `var<workgroup> strip: array<vec4f, ${stripVectors}>;
var<workgroup> weight: array<vec4f, ${weightVectors}>;
var<workgroup> places: array<i32, ${tile}>;
var<workgroup> ats: array<i32, ${tile}>;
var<workgroup> first_place: atomic<i32>;
var<workgroup> last_place: atomic<i32>;
var<workgroup> live: atomic<u32>;
var<workgroup> passes: u32;`;

/** Bytes of {@link tileMemory}. */
export const tileMemoryBytes: number = 16 * (stripVectors + weightVectors) + 4 * (2 * tile + 4);

/** Where the rows of an operand are: WGSL of the number of a row from its number `r` in the tile. */
export interface Rows {
  readonly buffer: string;
  readonly row: string;
}

/** Adds the dot products of 64 rows and 64 columns to `into0` … `into3`. Ends with a barrier. */
export function tileProduct(into: string, quads: number, rows: Rows, columns: Rows): string {
  const load = ({ buffer, row }: Rows, first: number): string =>
    `{ let x = select(vec4f(0.0), ${buffer}[(${row}) * ${quads}u + min(d0 + dq, ${quads - 1}u)], d0 + dq < ${quads}u);
        for (var j = 0u; j < 4u; j++) { strip[${first}u + (dq * 4u + j) * ${stride}u + r / 4u][r % 4u] = x[j]; } }`;
  return `for (var d0 = 0u; d0 < ${quads}u; d0 += ${depth / 4}u) {
      let r = lane / 4u;
      let dq = lane % 4u;
      ${load(rows, 0)}
      ${load(columns, depth * stride)}
      workgroupBarrier();
      for (var d = 0u; d < ${depth}u; d++) {
        let x = strip[d * ${stride}u + ty];
        let y = strip[${depth * stride}u + d * ${stride}u + tx];
        ${eachRow((r) => `${into}${r} = fma(vec4f(x[${r}]), y, ${into}${r});`)}
      }
      workgroupBarrier();
    }`;
}

/** Puts an invocation's 4 × 4 numbers `from0` … `from3` into the tile of weights. Needs a barrier before and after. */
export function storeWeights(from: string): string {
  return eachRow((c) => `weight[(tx * 4u + ${c}u) * ${stride}u + ty] = ${vector((r) => `${from}${r}[${c}]`)};`);
}

/**
 * Adds rows by weight: `into{r}_{v}` += Σ_t weight of row r and column t · row t of a buffer. Ends with a barrier.
 * @param row - WGSL of the number of a row from its number `t` in the tile
 * @param counts - WGSL of whether row `t` is more than garbage
 */
export function addWeighted(into: string, quads: number, { buffer, row }: Rows, counts = 'true'): string {
  const turns = Math.min(16, Math.floor(stripVectors / quads));
  const sums = Array.from(
    { length: share(quads) },
    (_, v) =>
      `{ let y = strip[min(t * ${quads}u + tx + ${16 * v}u, ${stripVectors - 1}u)]; ${eachRow((r) => `${into}${r}_${v} = fma(vec4f(x[${r}]), y, ${into}${r}_${v});`)} }`,
  );
  return `for (var t0 = 0u; t0 < ${tile}u; t0 += ${turns}u) {
      for (var e = lane; e < ${turns * quads}u; e += 256u) {
        let t = min(t0 + e / ${quads}u, ${tile - 1}u);
        strip[e] = select(vec4f(0.0), ${buffer}[(${row}) * ${quads}u + e % ${quads}u], ${counts});
      }
      workgroupBarrier();
      for (var t = 0u; t < min(${turns}u, ${tile}u - t0); t++) {
        let x = weight[(t0 + t) * ${stride}u + ty];
        ${sums.join(' ')}
      }
      workgroupBarrier();
    }`;
}

/**
 * Loads the positions of a tile's own 64 into `list`, and finds the smallest and largest of those that count as `earliest` and
 * `latest`.
 * @param position - WGSL of the position of number `lane`
 * @param counts - WGSL of whether `place` counts
 */
export function ownPositions(list: string, position: string, counts = 'true'): string {
  return `if (lane == 0u) { atomicStore(&first_place, 1073741823); atomicStore(&last_place, -1073741823); }
  workgroupBarrier();
  if (lane < ${tile}u) {
    let place = ${position};
    ${list}[lane] = place;
    if (${counts}) { atomicMin(&first_place, place); atomicMax(&last_place, place); }
  }
  workgroupBarrier();
  let earliest = atomicLoad(&first_place);
  let latest = atomicLoad(&last_place);`;
}

/**
 * Loads the positions of 64 others into `list` and goes on with the next tile of the loop when none of them can have to do
 * with the own ones, whatever a mask says.
 * @param position - WGSL of the position of number `lane`, −1 for none
 */
export function otherPositions(list: string, position: string, near: string): string {
  return `if (lane == 0u) { atomicStore(&live, 0u); }
    workgroupBarrier();
    if (lane < ${tile}u) {
      let place = ${position};
      ${list}[lane] = place;
      if (${near}) { atomicOr(&live, 1u); }
    }
    workgroupBarrier();
    if (lane == 0u) { passes = atomicLoad(&live); }
    if (workgroupUniformLoad(&passes) == 0u) { continue; }`;
}

/** Whether a key at `place` could be seen by a query between `earliest` and `latest`. */
export function keyNear({ causal, window }: Attributes): string {
  return [
    '(place >= 0)',
    ...(causal ? ['(place <= latest)'] : []),
    ...(window > 0 ? [`(place > earliest - ${window})`, `(place < latest + ${window})`] : []),
  ].join(' & ');
}

/** Whether a query at `place` could see a key between `earliest` and `latest`. */
export function queryNear({ causal, window }: Attributes): string {
  return [
    '(latest >= 0)',
    ...(causal ? ['(place >= earliest)'] : []),
    ...(window > 0 ? [`(place > earliest - ${window})`, `(place < latest + ${window})`] : []),
  ].join(' & ');
}

/** The components of row r of a tile that count, from the bits of `sees`. */
export function seenIn(r: number): string {
  return `(vec4u(sees) & vec4u(${four.map((c) => `${2 ** (4 * r + c)}u`).join(', ')})) != vec4u(0u)`;
}
