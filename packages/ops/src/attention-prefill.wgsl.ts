import type { WebGpuDispatchKernel } from '@tessera/tensor-core';
import { gpuLimit } from '@tessera/tensor-core';
import {
  afterInputs,
  beginning,
  bindings,
  computable,
  fewQueries,
  lowest,
  scored,
  sizesOf,
  visible,
} from './attention.wgsl.ts';
import type { Attributes, Sizes } from './attention.wgsl.ts';

const tile = 32;

function tileBytes({ K, V }: Sizes): number {
  return 4 * (tile * K + tile * Math.max(K, V) + tile * (tile + 1) + tile * 8 + 4 * tile);
}

/**
 * Attention of many queries, tile by tile: 32 queries of a head stay in workgroup memory while tiles of 32 keys and values
 * pass; scores are never stored. Tiles in which nobody sees anything are passed over.
 * @see Dao et al. 2022, arXiv:2205.14135.
 */
export const prefillAttentionKernel: WebGpuDispatchKernel<Attributes> = {
  backend: 'webgpu',
  name: 'tiles of 32 queries and keys',
  when: (capabilities, call) => {
    const sizes = sizesOf(call);
    return (
      computable(call) &&
      sizes.n > fewQueries &&
      sizes.V % 8 === 0 &&
      sizes.V <= 256 &&
      call.inputs.length + 1 <= gpuLimit(capabilities, 'maxStorageBuffersPerShaderStage') &&
      tileBytes(sizes) <= gpuLimit(capabilities, 'maxComputeWorkgroupStorageSize')
    );
  },
  grid: (call) => {
    const { B, n, H } = sizesOf(call);
    return [Math.ceil(n / tile), H, B];
  },
  source(call) {
    const { n, H, K, S, G, V } = sizesOf(call);
    const { attributes } = call;
    const own = V / 8;
    const rows = [0, 1];
    const columns = [0, 1, 2, 3];
    const start = beginning(attributes, 'h');
    const { pinned } = attributes;
    const before = Math.ceil(pinned / tile); // tiles of pinned slots, none of which holds others
    const turns = before + Math.ceil((S - pinned) / tile);
    const loadQueries = (buffer: string): string => `for (var e = lane; e < ${(tile * K) / 4}u; e += 128u) {
    let r = e / ${K / 4}u;
    let d = e % ${K / 4}u;
    let x = ${buffer}[((b * ${n}u + min(i0 + r, ${n - 1}u)) * ${H}u + h) * ${K / 4}u + d];
    for (var j = 0u; j < 4u; j++) { queries[(d * 4u + j) * ${tile}u + r] = x[j]; }
  }`;
    return `${bindings(attributes)}
@group(0) @binding(${afterInputs(attributes)}) var<storage, read_write> o: array<f32>;
var<workgroup> queries: array<f32, ${tile * K}>;
var<workgroup> strip: array<f32, ${tile * Math.max(K, V)}>;
var<workgroup> weights: array<f32, ${tile * (tile + 1)}>;
var<workgroup> part: array<f32, ${tile * 8}>;
var<workgroup> places: array<i32, ${tile}>;
var<workgroup> ats: array<i32, ${tile}>;
var<workgroup> live: atomic<u32>;
var<workgroup> passes: u32;
@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i0 = group.x * ${tile}u;
  let h = group.y;
  let b = group.z;
  let kv = h / ${H / G}u;
  let r0 = (lane / 8u) * 2u;
  let c = lane % 8u;
  ${loadQueries(pinned > 0 ? 'pinnedQuery' : 'q')}
  if (lane < ${tile}u) { places[lane] = select(-1, queryPositions[b * ${n}u + min(i0 + lane, ${n - 1}u)], i0 + lane < ${n}u); }
  var top0 = ${start.top}; var top1 = ${start.top};
  var mass0 = ${start.mass}; var mass1 = ${start.mass};
  var sum0: array<f32, ${own}>; var sum1: array<f32, ${own}>;
  workgroupBarrier();
  for (var turn = 0u; turn < ${turns}u; turn++) {
    ${
      pinned > 0
        ? `let s0 = select(${pinned}u + (turn - ${before}u) * ${tile}u, turn * ${tile}u, turn < ${before}u);
    let end = select(${S}u, ${pinned}u, turn < ${before}u);
    if (turn == ${before}u) {
      ${loadQueries('q')}
    }`
        : `let s0 = turn * ${tile}u;
    let end = ${S}u;`
    }
    if (lane < ${tile}u) { ats[lane] = select(-1, keyPositions[b * ${S}u + min(s0 + lane, ${S - 1}u)], s0 + lane < end); }
    if (lane == 0u) { atomicStore(&live, 0u); }
    workgroupBarrier();
    ${rows.flatMap((r) => columns.map((j) => `var seen${r}${j} = false;`)).join(' ')}
    ${rows
      .map(
        (r) => `{ let position = places[r0 + ${r}u];
      ${columns.map((j) => `{ let at = ats[c * 4u + ${j}u]; let s = min(s0 + c * 4u + ${j}u, ${S - 1}u); seen${r}${j} = (i0 + r0 + ${r}u < ${n}u) & ${visible(attributes, `(b * ${n}u + i0 + r0 + ${r}u) * ${S}u + s`)}; }`).join('\n      ')} }`,
      )
      .join('\n    ')}
    if (${rows.flatMap((r) => columns.map((j) => `seen${r}${j}`)).join(' | ')}) { atomicOr(&live, 1u); }
    workgroupBarrier();
    if (lane == 0u) { passes = atomicLoad(&live); }
    if (workgroupUniformLoad(&passes) == 0u) { continue; }
    for (var e = lane; e < ${(tile * K) / 4}u; e += 128u) {
      let r = e / ${K / 4}u;
      let d = e % ${K / 4}u;
      let x = k[((b * ${S}u + min(s0 + r, ${S - 1}u)) * ${G}u + kv) * ${K / 4}u + d];
      for (var j = 0u; j < 4u; j++) { strip[(d * 4u + j) * ${tile}u + r] = x[j]; }
    }
    workgroupBarrier();
    var score0 = vec4f(0.0); var score1 = vec4f(0.0);
    for (var d = 0u; d < ${K}u; d++) {
      let x = vec4f(${columns.map((j) => `strip[d * ${tile}u + c * 4u + ${j}u]`).join(', ')});
      score0 = fma(vec4f(queries[d * ${tile}u + r0]), x, score0);
      score1 = fma(vec4f(queries[d * ${tile}u + r0 + 1u]), x, score1);
    }
    ${rows.map((r) => columns.map((j) => `score${r}[${j}] = select(${lowest}, ${scored(attributes, `score${r}[${j}]`)}, seen${r}${j});`).join(' ')).join('\n    ')}
    ${rows.map((r) => `part[(r0 + ${r}u) * 8u + c] = max(max(score${r}.x, score${r}.y), max(score${r}.z, score${r}.w));`).join(' ')}
    workgroupBarrier();
    ${rows.map((r) => `var highest${r} = top${r}; for (var j = 0u; j < 8u; j++) { highest${r} = max(highest${r}, part[(r0 + ${r}u) * 8u + j]); }`).join('\n    ')}
    ${rows.map((r) => `let w${r} = select(vec4f(0.0), exp(score${r} - highest${r}), score${r} > vec4f(${lowest}));`).join(' ')}
    workgroupBarrier();
    ${rows.map((r) => columns.map((j) => `weights[(r0 + ${r}u) * ${tile + 1}u + c * 4u + ${j}u] = w${r}[${j}];`).join(' ')).join('\n    ')}
    ${rows.map((r) => `part[(r0 + ${r}u) * 8u + c] = w${r}.x + w${r}.y + w${r}.z + w${r}.w;`).join(' ')}
    for (var e = lane; e < ${(tile * V) / 4}u; e += 128u) {
      let r = e / ${V / 4}u;
      let d = e % ${V / 4}u;
      let x = v[((b * ${S}u + min(s0 + r, ${S - 1}u)) * ${G}u + kv) * ${V / 4}u + d];
      for (var j = 0u; j < 4u; j++) { strip[r * ${V}u + d * 4u + j] = x[j]; }
    }
    workgroupBarrier();
    ${rows
      .map(
        (r) => `let fade${r} = exp(top${r} - highest${r});
    mass${r} *= fade${r}; for (var j = 0u; j < 8u; j++) { mass${r} += part[(r0 + ${r}u) * 8u + j]; }
    for (var j = 0u; j < ${own}u; j++) { sum${r}[j] *= fade${r}; }
    top${r} = highest${r};`,
      )
      .join('\n    ')}
    for (var t = 0u; t < ${tile}u; t++) {
      let a0 = weights[r0 * ${tile + 1}u + t];
      let a1 = weights[(r0 + 1u) * ${tile + 1}u + t];
      for (var j = 0u; j < ${own}u; j++) {
        let x = strip[t * ${V}u + j * 8u + c];
        sum0[j] = fma(a0, x, sum0[j]);
        sum1[j] = fma(a1, x, sum1[j]);
      }
    }
    workgroupBarrier();
  }
  ${rows
    .map(
      (r) => `if (i0 + r0 + ${r}u < ${n}u) {
    let out = ((b * ${n}u + i0 + r0 + ${r}u) * ${H}u + h) * ${V}u;
    for (var j = 0u; j < ${own}u; j++) { o[out + j * 8u + c] = select(0.0, sum${r}[j] / mass${r}, mass${r} > 0.0); }
  }`,
    )
    .join('\n  ')}
}`;
  },
};
