import type { WebGpuDispatchKernel } from '@tessera/tensor-core';
import { afterInputs, bindings, computable, lowest, scored, sizesOf, visible } from './attention.wgsl.ts';
import type { Attributes, Sizes } from './attention.wgsl.ts';

/** Queries and keys of a tile; 16 × 16 invocations have 4 × 4 scores each. */
const tile = 64;
/** Elements of queries and keys that are in workgroup memory at a time. */
const depth = 16;
/** Vectors from one line to the next in workgroup memory: one more than needed, against bank conflicts. */
const stride = tile / 4 + 1;
const stripVectors = 2 * depth * stride;
/** With fewer queries most of a tile would be empty. */
const leastQueries = 33;

const sharedBytes = 16 * (stripVectors + tile * stride + 4 * tile) + 4 * (2 * tile + 4);

/**
 * Attention of many queries, tile by tile: scores of 64 queries and 64 keys are products of strips, weights stay in workgroup
 * memory, sums of values in registers; nothing of size queries × keys is stored. Tiles in which nobody sees anything are passed over.
 * @see Dao et al. 2022, arXiv:2205.14135; the online softmax: Milakov and Gimelshein 2018, arXiv:1805.02867.
 */
export const tilesAttentionKernel: WebGpuDispatchKernel<Attributes> = {
  backend: 'webgpu',
  name: 'tiles of 64 queries and keys',
  when: ({ limits }, call) => {
    const { n, V } = sizesOf(call);
    return (
      computable(call) &&
      n >= leastQueries &&
      V <= 256 &&
      sharedBytes <= (limits['maxComputeWorkgroupStorageSize'] ?? 16_384)
    );
  },
  grid: (call) => {
    const { B, n, H } = sizesOf(call);
    return [Math.ceil(n / tile), H, B];
  },
  source(call) {
    const sizes = sizesOf(call);
    const { n, H, S, G, V } = sizes;
    const { attributes } = call;
    const quads = V / 4;
    const own = Math.ceil(quads / 16);
    const turns = Math.min(16, Math.floor(stripVectors / quads));
    const four = [0, 1, 2, 3];
    const rows = (code: (r: number) => string): string => four.map(code).join(' ');
    const sums = (code: (r: number, v: number) => string): string =>
      four.map((r) => Array.from({ length: own }, (_, v) => code(r, v)).join(' ')).join(' ');
    const partsOf = (r: number): string => four.map((j) => `part[(ty * 4u + ${r}u) * 4u + ${j}u]`).join(', ');
    return `${bindings(attributes.masked)}
@group(0) @binding(${afterInputs(attributes.masked)}) var<storage, read_write> o: array<vec4f>;
var<workgroup> strip: array<vec4f, ${stripVectors}>;
var<workgroup> weight: array<vec4f, ${tile * stride}>;
var<workgroup> part: array<vec4f, ${4 * tile}>;
var<workgroup> places: array<i32, ${tile}>;
var<workgroup> ats: array<i32, ${tile}>;
var<workgroup> first_place: atomic<i32>;
var<workgroup> last_place: atomic<i32>;
var<workgroup> live: atomic<u32>;
var<workgroup> passes: u32;
fn largest(a: vec4f, b: vec4f, c: vec4f, d: vec4f) -> f32 {
  let m = max(max(a, b), max(c, d));
  return max(max(m.x, m.y), max(m.z, m.w));
}
fn total(a: vec4f, b: vec4f, c: vec4f, d: vec4f) -> f32 { return dot(a + b + c + d, vec4f(1.0)); }
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  // Of causal attention the last queries have most to do, so they begin.
  let i0 = (${Math.ceil(n / tile) - 1}u - group.x) * ${tile}u;
  let h = group.y;
  let b = group.z;
  let kv = h / ${H / G}u;
  let ty = lane / 16u;
  let tx = lane % 16u;
  if (lane == 0u) { atomicStore(&first_place, 2147483647); atomicStore(&last_place, -1); }
  workgroupBarrier();
  if (lane < ${tile}u) {
    let place = queryPositions[b * ${n}u + min(i0 + lane, ${n - 1}u)];
    places[lane] = place;
    atomicMin(&first_place, place);
    atomicMax(&last_place, place);
  }
  workgroupBarrier();
  let earliest = atomicLoad(&first_place);
  let latest = atomicLoad(&last_place);
  ${rows((r) => `var top${r} = ${lowest}; var mass${r} = 0.0;`)}
  ${sums((r, v) => `var sum${r}_${v} = vec4f(0.0);`)}
  for (var s0 = 0u; s0 < ${S}u; s0 += ${tile}u) {
    if (lane == 0u) { atomicStore(&live, 0u); }
    workgroupBarrier();
    if (lane < ${tile}u) {
      let at = select(-1, keyPositions[b * ${S}u + min(s0 + lane, ${S - 1}u)], s0 + lane < ${S}u);
      ats[lane] = at;
      if (${within(attributes)}) { atomicOr(&live, 1u); }
    }
    workgroupBarrier();
    if (lane == 0u) { passes = atomicLoad(&live); }
    if (workgroupUniformLoad(&passes) == 0u) { continue; }
    // A bit for each of the 16 scores that counts.
    var sees = 0u;
    for (var e = 0u; e < 16u; e++) {
      let i = i0 + ty * 4u + e / 4u;
      let s = s0 + tx * 4u + e % 4u;
      let position = places[ty * 4u + e / 4u];
      let at = ats[tx * 4u + e % 4u];
      if (i < ${n}u && (${visible(attributes, `(b * ${n}u + min(i, ${n - 1}u)) * ${S}u + min(s, ${S - 1}u)`)})) { sees |= 1u << e; }
    }
    ${rows((r) => `var score${r} = vec4f(0.0);`)}
    ${scores(sizes)}
    ${rows((r) => `score${r} = select(vec4f(${lowest}), vec4f(${four.map((c) => scored(attributes, `score${r}[${c}]`)).join(', ')}), (vec4u(sees) & vec4u(${four.map((c) => `${2 ** (4 * r + c)}u`).join(', ')})) != vec4u(0u));`)}
    ${rows((r) => `part[(ty * 4u + ${r}u) * 4u + tx / 4u][tx % 4u] = max(max(score${r}.x, score${r}.y), max(score${r}.z, score${r}.w));`)}
    workgroupBarrier();
    ${rows((r) => `let highest${r} = max(top${r}, largest(${partsOf(r)})); let fade${r} = exp(top${r} - highest${r}); top${r} = highest${r};`)}
    ${rows((r) => `let w${r} = select(vec4f(0.0), exp(score${r} - highest${r}), score${r} > vec4f(${lowest}));`)}
    workgroupBarrier();
    ${rows((r) => `part[(ty * 4u + ${r}u) * 4u + tx / 4u][tx % 4u] = dot(w${r}, vec4f(1.0));`)}
    ${rows((c) => `weight[(tx * 4u + ${c}u) * ${stride}u + ty] = vec4f(${four.map((r) => `w${r}[${c}]`).join(', ')});`)}
    workgroupBarrier();
    ${rows((r) => `mass${r} = mass${r} * fade${r} + total(${partsOf(r)});`)}
    ${sums((r, v) => `sum${r}_${v} *= fade${r};`)}
    for (var t0 = 0u; t0 < ${tile}u; t0 += ${turns}u) {
      for (var e = lane; e < ${turns * quads}u; e += 256u) {
        let t = min(t0 + e / ${quads}u, ${tile - 1}u);
        // What an empty slot holds is nobody's business, not even times zero.
        strip[e] = select(vec4f(0.0), v[((b * ${S}u + min(s0 + t, ${S - 1}u)) * ${G}u + kv) * ${quads}u + e % ${quads}u], ats[t] >= 0);
      }
      workgroupBarrier();
      for (var t = 0u; t < min(${turns}u, ${tile}u - t0); t++) {
        let x = weight[(t0 + t) * ${stride}u + ty];
        ${Array.from(
          { length: own },
          (_, v) =>
            `{ let y = strip[min(t * ${quads}u + tx + ${16 * v}u, ${stripVectors - 1}u)]; ${rows((r) => `sum${r}_${v} = fma(vec4f(x[${r}]), y, sum${r}_${v});`)} }`,
        ).join(' ')}
      }
      workgroupBarrier();
    }
  }
  ${sums(
    (r, v) =>
      `if (i0 + ty * 4u + ${r}u < ${n}u && tx + ${16 * v}u < ${quads}u) { o[((b * ${n}u + i0 + ty * 4u + ${r}u) * ${H}u + h) * ${quads}u + tx + ${16 * v}u] = select(vec4f(0.0), sum${r}_${v} / mass${r}, mass${r} > 0.0); }`,
  )}
}`;
  },
};

/** Whether any query from position `earliest` to `latest` could see a key at `at`, whatever a mask says. */
function within({ causal, window }: Attributes): string {
  return [
    'at >= 0',
    ...(causal ? ['at <= latest'] : []),
    ...(window > 0 ? [`at > earliest - ${window}`, `at < latest + ${window}`] : []),
  ].join(' && ');
}

/** WGSL of the dot products of a tile, as a product of strips of queries and keys. */
function scores({ n, H, K, S, G }: Sizes): string {
  const keys = K / 4;
  const load = (x: string, at: string, first: number): string =>
    `{ let x = select(vec4f(0.0), ${x}[(${at}) * ${keys}u + min(d0 + dq, ${keys - 1}u)], d0 + dq < ${keys}u);
        for (var j = 0u; j < 4u; j++) { strip[${first}u + (dq * 4u + j) * ${stride}u + r / 4u][r % 4u] = x[j]; } }`;
  return `for (var d0 = 0u; d0 < ${keys}u; d0 += ${depth / 4}u) {
      let r = lane / 4u;
      let dq = lane % 4u;
      ${load('q', `(b * ${n}u + min(i0 + r, ${n - 1}u)) * ${H}u + h`, 0)}
      ${load('k', `(b * ${S}u + min(s0 + r, ${S - 1}u)) * ${G}u + kv`, depth * stride)}
      workgroupBarrier();
      for (var d = 0u; d < ${depth}u; d++) {
        let x = strip[d * ${stride}u + ty];
        let y = strip[${depth * stride}u + d * ${stride}u + tx];
        ${[0, 1, 2, 3].map((row) => `score${row} = fma(vec4f(x[${row}]), y, score${row});`).join(' ')}
      }
      workgroupBarrier();
    }`;
}
