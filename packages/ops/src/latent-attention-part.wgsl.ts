import type { Attributes } from './attention.wgsl.ts';
import { lowest, scored, visible } from './attention.wgsl.ts';
import { scoreSlots, lanes, lineQuads, slotQuads, sumColumns, sumQuads } from './latent-attention-layout.ts';
import type { LatentLayout, LatentSizes } from './latent-attention-layout.ts';

/** Invocations that share the dot products of one block of scores, at most. */
const mostSplits = 32;
/** Vectors that an invocation has under way while a tile is read: one after another, each would wait for memory. */
const mostUnderWay = 10;

const numbers = (count: number): readonly number[] => Array.from({ length: count }, (_, i) => i);
const lines = (count: number, code: (i: number) => string): string => numbers(count).map(code).join('\n      ');

/** WGSL of what a part of the cache is read with. */
export interface LatentAccess {
  /** Bindings of the inputs, and the number of the first one after them. */
  readonly bindings: string;
  readonly next: number;
  /** Number of the row that holds slot `s` of row `b` of the batch. */
  readonly row: string;
}

/** How the invocations of a workgroup share the scores of a tile. */
function scoreShares({ K }: LatentSizes, { rows, slots, strips, scoreRows }: LatentLayout) {
  const [rowBlocks, slotBlocks] = [rows / scoreRows, slots / scoreSlots];
  const room = Math.min(lanes / (rowBlocks * slotBlocks), mostSplits, K / 4);
  /** Invocations, a power of two, that go through the vectors of a key in turns. */
  const splits = 2 ** Math.floor(Math.log2(room));
  const rounds = scoreRows / strips;
  /** Scores that are put together in a round, and how many of them an invocation has. */
  const perRound = rowBlocks * strips * slots;
  /** Blocks of rows that are neighbours, so that 32 invocations read as many vectors of queries as of slots. */
  const near = rowBlocks % 2 === 0 ? 2 : 1;
  return { rowBlocks, slotBlocks, splits, near, rounds, perRound, each: Math.ceil(perRound / lanes) };
}

/**
 * WGSL that attends to a part of the cache: sums of values by weight, the largest score and the mass of each row. A tile of slots is
 * read into workgroup memory once, and is there both factor of a product with the queries, which gives the scores, and of a product
 * with their weights, which gives the sums; the softmax runs along (online).
 * @see Dao et al. 2023, "Flash-Decoding"; the online softmax: Milakov and Gimelshein 2018, arXiv:1805.02867.
 */
export function latentPartSource(
  sizes: LatentSizes,
  layout: LatentLayout,
  attributes: Attributes,
  access: LatentAccess,
): string {
  const { n, H, G, S, V, R } = sizes;
  const { rows, blocks, together, slots, strips, parts, tiles } = layout;
  const [line, quads, rowQuads] = [lineQuads(sizes), V / 4, rows / 4];
  const [heads, all] = [H / G, (n * H) / G];
  const columns = sumColumns(sizes);
  const rowGroups = rows / together;
  /** Invocations that share the slots of a tile in the sums of a row. */
  const shares = Math.min(slots, Math.floor(lanes / (columns * rowGroups)));
  const step = lanes / slots;
  const sums = (code: (r: number, v: number) => string): string =>
    lines(together, (r) => numbers(sumQuads).map((v) => code(r, v)).join(' ')); // prettier-ignore
  const position = (number: string): string => {
    const slot = `(part * ${tiles}u + ${number}) * ${slots}u + lane % ${slots}u`;
    return `select(-1, keyPositions[b * ${S}u + min(${slot}, ${S - 1}u)], ${slot} < ${S}u)`;
  };
  const first = access.next;
  const results =
    parts > 1
      ? `@group(0) @binding(${first}) var<storage, read_write> sums: array<vec4f>;
@group(0) @binding(${first + 1}) var<storage, read_write> statistics: array<vec2f>;`
      : `@group(0) @binding(${first}) var<storage, read_write> o: array<vec4f>;`;
  const put =
    parts > 1
      ? `sums[(out * ${parts}u + part) * ${quads}u + quad] = total;`
      : `let whole = fade[row / 4u][row % 4u]; o[out * ${quads}u + quad] = select(vec4f(0.0), total / whole, whole > 0.0);`;
  return `${access.bindings}
${results}
// The slots of a tile, a line each: the latent, then the shared key.
var<workgroup> tile: array<vec4f, ${slots * line}>;
var<workgroup> handed: array<vec4f, ${lanes * strips}>;
// Scores, then weights: rows of a slot are neighbours.
var<workgroup> weight: array<vec4f, ${slots * rowQuads}>;
var<workgroup> places: array<u32, ${slots}>;
// A bit for each row that sees the slot.
var<workgroup> sees: array<atomic<u32>, ${slots}>;
var<workgroup> asked: array<i32, ${rows}>;
var<workgroup> highest: array<f32, ${rows}>;
var<workgroup> fade: array<vec4f, ${rowQuads}>;
var<workgroup> live: atomic<u32>;
var<workgroup> passes: u32;
fn along(x: vec4f, y: vec4f, sum: f32) -> f32 { return fma(x.w, y.w, fma(x.z, y.z, fma(x.y, y.y, fma(x.x, y.x, sum)))); }
fn put(b: u32, kv: u32, row0: u32, part: u32, row: u32, quad: u32, total: vec4f) {
  if (row0 + row < ${all}u && quad < ${quads}u) {
    let out = (b * ${n}u + (row0 + row) / ${heads}u) * ${H}u + kv * ${heads}u + (row0 + row) % ${heads}u;
    ${put}
  }
}
@compute @workgroup_size(${lanes})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let kv = group.x / ${blocks}u;
  let row0 = (group.x % ${blocks}u) * ${rows}u;
  let part = group.y;
  let b = group.z;
  if (lane < ${rows}u) { asked[lane] = queryPositions[b * ${n}u + min(row0 + lane, ${all - 1}u) / ${heads}u]; }
  if (lane < ${slots}u) { atomicStore(&sees[lane], 0u); }
  if (lane == 0u) { atomicStore(&live, 0u); }
  workgroupBarrier();
  // Of row \`lane\`.
  var top = ${lowest};
  var mass = 0.0;
  let column = lane % ${columns}u;
  let rows_of_sum = (lane / ${columns}u) % ${rowGroups}u;
  let share = lane / ${columns * rowGroups}u;
  ${sums((r, v) => `var sum_${r}_${v} = vec4f(0.0);`)}
  ${startScores(sizes, layout)}
  // Of this invocation's slot in the next tile, read ahead.
  var upcoming = ${position('0u')};
  for (var number = 0u; number < ${tiles}u; number++) {
    let s0 = (part * ${tiles}u + number) * ${slots}u;
    {
      let t = lane % ${slots}u;
      let s = min(s0 + t, ${S - 1}u);
      let at = upcoming;
      upcoming = ${position('number + 1u')};
      var bits = 0u;
      for (var row = lane / ${slots}u; row < ${rows}u; row += ${step}u) {
        let position = asked[row];
        let counts = (row0 + row < ${all}u) & ${visible(attributes, `(b * ${n}u + min(row0 + row, ${all - 1}u) / ${heads}u) * ${S}u + s`)};
        bits |= select(0u, 1u << row, counts);
      }
      if (bits != 0u) { atomicOr(&sees[t], bits); atomicOr(&live, 1u); }
      if (lane < ${slots}u) { places[lane] = (${access.row}) * ${(G * V + R) / 4}u; }
    }
    workgroupBarrier();
    if (lane == 0u) { passes = atomicLoad(&live); }
    // A tile in which nobody sees anything, as the rest of a cache that is not full, costs no more than this.
    if (workgroupUniformLoad(&passes) == 0u) { continue; }
    ${readTile(sizes, layout)}
    workgroupBarrier();
    ${scores(sizes, layout, attributes)}
    workgroupBarrier();
    if (lane < ${rows}u) {
      var above = top;
      for (var t = 0u; t < ${slots}u; t++) { above = max(above, weight[t * ${rowQuads}u + lane / 4u][lane % 4u]); }
      let less = exp(top - above);
      fade[lane / 4u][lane % 4u] = less;
      highest[lane] = above;
      mass *= less;
      top = above;
    }
    workgroupBarrier();
    ${weights(sizes, layout)}
    workgroupBarrier();
    if (lane < ${rows}u) { for (var t = 0u; t < ${slots}u; t++) { mass += weight[t * ${rowQuads}u + lane / 4u][lane % 4u]; } }
    if (lane < ${slots}u) { atomicStore(&sees[lane], 0u); }
    if (lane == 0u) { atomicStore(&live, 0u); }
    if (share < ${shares}u) {
      ${numbers(together / 4)
        .map((i) => `let less_${i} = fade[rows_of_sum * ${together / 4}u + ${i}u];`)
        .join(' ')}
      // Mostly no score is above those before.
      if (any(${numbers(together / 4)
        .map((i) => `(less_${i} != vec4f(1.0))`)
        .join(' | ')})) {
        ${sums((r, v) => `sum_${r}_${v} *= less_${Math.floor(r / 4)}[${r % 4}];`)}
      }
      for (var t = share; t < ${slots}u; t += ${shares}u) {
        ${numbers(together / 4)
          .map((i) => `let w_${i} = weight[t * ${rowQuads}u + rows_of_sum * ${together / 4}u + ${i}u];`)
          .join(' ')}
        ${numbers(sumQuads)
          .map(
            (v) =>
              `let c_${v} = tile[t * ${line}u + ${v === 0 ? 'column' : `min(column + ${v * columns}u, ${quads - 1}u)`}];`,
          )
          .join(' ')}
        ${sums((r, v) => `sum_${r}_${v} = fma(vec4f(w_${Math.floor(r / 4)}[${r % 4}]), c_${v}, sum_${r}_${v});`)}
      }
    }
    workgroupBarrier();
  }
  if (lane < ${rows}u) {
    fade[lane / 4u][lane % 4u] = mass;
    ${
      parts > 1
        ? `if (row0 + lane < ${all}u) {
      let row = row0 + lane;
      statistics[((b * ${n}u + row / ${heads}u) * ${H}u + kv * ${heads}u + row % ${heads}u) * ${parts}u + part] = vec2f(top, mass);
    }`
        : ''
    }
  }
  workgroupBarrier();
  ${
    shares === 1
      ? `if (share == 0u) {
      ${sums((r, v) => `put(b, kv, row0, part, rows_of_sum * ${together}u + ${r}u, column + ${v * columns}u, sum_${r}_${v});`)}
  }`
      : joinShares(together, columns * rowGroups, shares, columns)
  }
}`;
}

/** WGSL that brings the slots of a tile into workgroup memory, as zeros where nobody sees them: what is there may be garbage. */
function readTile(sizes: LatentSizes, { slots }: LatentLayout): string {
  const [W, line] = [slotQuads(sizes), lineQuads(sizes)];
  const total = slots * W;
  const turns = Math.ceil(total / lanes);
  const loops = Math.ceil(turns / mostUnderWay);
  const deep = Math.ceil(turns / loops);
  const { G, V } = sizes;
  const from = (d: string): string =>
    G === 1 ? d : `select(${d} + ${((G - 1) * V) / 4}u, kv * ${V / 4}u + ${d}, ${d} < ${V / 4}u)`;
  const exact = total % (lanes * deep) === 0;
  const number = (u: number): string => (exact ? `e + ${u * lanes}u` : `min(e + ${u * lanes}u, ${total - 1}u)`);
  const store = (u: number): string =>
    `{ tile[e_${u} / ${W}u * ${line}u + d_${u}] = select(vec4f(0.0), x_${u}, atomicLoad(&sees[e_${u} / ${W}u]) != 0u); }`;
  return `for (var e = lane; e < ${total}u; e += ${lanes * deep}u) {
      ${lines(deep, (u) => `let e_${u} = ${number(u)}; let d_${u} = e_${u} % ${W}u; let x_${u} = rows[places[e_${u} / ${W}u] + ${from(`d_${u}`)}];`)}
      ${lines(deep, (u) => (exact ? store(u) : `if (e + ${u * lanes}u < ${total}u) ${store(u)}`))}
    }`;
}

/** WGSL of what an invocation knows of its block of scores, and where its queries are. */
function startScores(sizes: LatentSizes, layout: LatentLayout): string {
  const { n, H, G, K } = sizes;
  const { rows, scoreRows } = layout;
  const [heads, all] = [H / G, (n * H) / G];
  const { slotBlocks, splits, near } = scoreShares(sizes, layout);
  const row = (r: number): string => `min(row0 + row_block * ${scoreRows}u + ${r}u, ${all - 1}u)`;
  const query = (r: number): string =>
    `((b * ${n}u + ${row(r)} / ${heads}u) * ${H}u + kv * ${heads}u + ${row(r)} % ${heads}u) * ${K / 4}u`;
  // Where rows lie one after another one register says where they are.
  const neighbours = all % rows === 0 && (n === 1 || G === 1);
  return `let split = lane % ${splits}u;
  let slot_block = (lane / ${splits * near}u) % ${slotBlocks}u;
  let row_block = (lane / ${splits * near * slotBlocks}u) * ${near}u + (lane / ${splits}u) % ${near}u;
  ${lines(scoreRows, (r) => `let query_${r} = ${neighbours && r > 0 ? `query_0 + ${(r * K) / 4}u` : query(r)};`)}`;
}

/**
 * WGSL of the scores of a tile, which it leaves as \`own_…\` with those who make weights of them and in \`weight\`. Invocations next to each
 * other read vectors next to each other of the same slots and queries, so that no two meet in a bank of memory; then they hand over what
 * each has of a dot product.
 */
function scores(sizes: LatentSizes, layout: LatentLayout, attributes: Attributes): string {
  const { K, V, R } = sizes;
  const { strips, rows, scoreRows } = layout;
  const [line, keys, plain] = [lineQuads(sizes), K / 4, (K - R) / 4];
  const { rowBlocks, slotBlocks, splits, rounds, perRound, each } = scoreShares(sizes, layout);
  const { pinned } = attributes;
  const d = K - R === V ? 'j' : `select(j + ${(V - K + R) / 4}u, j, j < ${plain}u)`;
  const product = (apart: boolean): string => {
    const head =
      keys % splits === 0
        ? `for (var turn = 0u; turn < ${keys / splits}u; turn++) { let j = turn * ${splits}u + split;`
        : `for (var j = split; j < ${keys}u; j += ${splits}u) {`;
    const query = (r: number): string =>
      apart
        ? `let x = q[query_${r} + j]; let y = pinnedQuery[query_${r} + j]; ${lines(scoreSlots, (c) => `let x_${c} = select(x, y, first_slot + ${c}u < ${pinned}u);`)}`
        : `let x = q[query_${r} + j];`;
    return `${head}
      let begin = slot_block * ${scoreSlots * line}u + ${d};
      ${lines(scoreSlots, (c) => `let c_${c} = tile[begin + ${c * line}u];`)}
      ${lines(
        scoreRows,
        (r) =>
          `{ ${query(r)} dots_${r} = vec4f(${numbers(scoreSlots)
            .map((c) => `along(${apart ? `x_${c}` : 'x'}, c_${c}, dots_${r}[${c}])`)
            .join(', ')}); }`,
      )}
      }`;
  };
  const handOver = (round: number): string => `if (row_block < ${rowBlocks}u) {
      ${lines(strips, (r) => `handed[((row_block * ${strips}u + ${r}u) * ${slotBlocks}u + slot_block) * ${splits}u + split] = dots_${round * strips + r};`)}
    }
    workgroupBarrier();
    ${numbers(each)
      .map((m) => putTogether(round, m))
      .join('\n    ')}`;
  const putTogether = (round: number, m: number): string => `if (lane + ${m * lanes}u < ${perRound}u) {
      let vector = (lane + ${m * lanes}u) / 4u;
      var total = 0.0;
      for (var p = 0u; p < ${splits}u; p++) { total += handed[vector * ${splits}u + (p + vector) % ${splits}u][lane % 4u]; }
      let row = ${rowOf(layout, slotBlocks, round)};
      let t = (vector % ${slotBlocks}u) * ${scoreSlots}u + lane % 4u;
      own_${round}_${m} = select(${lowest}, ${scored(attributes, 'total')}, ((atomicLoad(&sees[t]) >> row) & 1u) != 0u);
      weight[t * ${rows / 4}u + row / 4u][row % 4u] = own_${round}_${m};
    }`;
  return `${lines(scoreRows, (r) => `var dots_${r} = vec4f(0.0);`)}
    if (row_block < ${rowBlocks}u) {
      ${
        pinned > 0
          ? `if (s0 < ${pinned}u) {
        let first_slot = s0 + slot_block * ${scoreSlots}u;
        ${product(true)}
      } else {
        ${product(false)}
      }`
          : product(false)
      }
    }
    ${numbers(rounds)
      .map((round) =>
        numbers(each)
          .map((m) => `var own_${round}_${m} = ${lowest};`)
          .join(' '),
      )
      .join(' ')}
    ${numbers(rounds).map(handOver).join('\n    workgroupBarrier();\n    ')}`;
}

/** WGSL of the row in the workgroup whose score is in \`vector\` of a round. */
function rowOf({ strips, scoreRows }: LatentLayout, slotBlocks: number, round: number): string {
  const line = `(vector / ${slotBlocks}u)`;
  return `${line} / ${strips}u * ${scoreRows}u + ${round * strips}u + ${line} % ${strips}u`;
}

/** WGSL that makes weights of the scores that an invocation has. */
function weights(sizes: LatentSizes, layout: LatentLayout): string {
  const { rounds, each, perRound, slotBlocks } = scoreShares(sizes, layout);
  const one = (round: number, m: number): string => `if (lane + ${m * lanes}u < ${perRound}u) {
      let vector = (lane + ${m * lanes}u) / 4u;
      let row = ${rowOf(layout, slotBlocks, round)};
      let t = (vector % ${slotBlocks}u) * ${scoreSlots}u + lane % 4u;
      let w = select(0.0, exp(own_${round}_${m} - highest[row]), own_${round}_${m} > ${lowest});
      weight[t * ${layout.rows / 4}u + row / 4u][row % 4u] = w;
    }`;
  return numbers(rounds)
    .flatMap((round) => numbers(each).map((m) => one(round, m)))
    .join('\n    ');
}

/** WGSL that adds up what invocations have summed over their shares of the slots, and writes it. */
function joinShares(together: number, group: number, shares: number, columns: number): string {
  const cases = numbers(together * sumQuads).map(
    (k) => `case ${k}u: { handed[lane] = sum_${Math.floor(k / sumQuads)}_${k % sumQuads}; }`,
  );
  return `for (var k = 0u; k < ${together * sumQuads}u; k++) {
    switch k {
      ${cases.join('\n      ')}
      default: {}
    }
    workgroupBarrier();
    if (share == 0u) {
      var total = handed[lane];
      for (var t = 1u; t < ${shares}u; t++) { total += handed[t * ${group}u + lane]; }
      put(b, kv, row0, part, rows_of_sum * ${together}u + k / ${sumQuads}u, column + (k % ${sumQuads}u) * ${columns}u, total);
    }
    workgroupBarrier();
  }`;
}
