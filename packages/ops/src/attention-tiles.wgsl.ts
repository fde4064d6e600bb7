import type { WebGpuDispatchKernel } from '@tessera/tensor-core';
import { gpuLimit } from '@tessera/tensor-core';
import { afterInputs, beginning, bindings, computable, lowest, scored, sizesOf, visible } from './attention.wgsl.ts';
import type { Attributes } from './attention.wgsl.ts';
import {
  addWeighted,
  eachRow,
  eachSum,
  keyNear,
  otherPositions,
  ownPositions,
  seenIn,
  storeWeights,
  tile,
  tileMemory,
  tileMemoryBytes,
  tileProduct,
  vector,
} from './attention-blocks.wgsl.ts';

/** With fewer queries most of a tile would be empty. */
const leastQueries = 33;

const sharedBytes = tileMemoryBytes + 16 * 4 * tile;

/**
 * Attention of many queries, tile by tile: scores of 64 queries and 64 keys are products of strips, weights stay in workgroup
 * memory, sums of values in registers; nothing of size queries × keys is stored. Tiles in which nobody sees anything are passed over.
 * @see Dao et al. 2022, arXiv:2205.14135; the online softmax: Milakov and Gimelshein 2018, arXiv:1805.02867.
 */
export const tilesAttentionKernel: WebGpuDispatchKernel<Attributes> = {
  backend: 'webgpu',
  name: 'tiles of 64 queries and keys',
  when: (capabilities, call) => {
    const { n, V } = sizesOf(call);
    return (
      computable(call) &&
      n >= leastQueries &&
      V <= 256 &&
      call.attributes.pinned === 0 &&
      call.inputs.length + 1 <= gpuLimit(capabilities, 'maxStorageBuffersPerShaderStage') &&
      sharedBytes <= gpuLimit(capabilities, 'maxComputeWorkgroupStorageSize')
    );
  },
  grid: (call) => {
    const { B, n, H } = sizesOf(call);
    return [Math.ceil(n / tile), H, B];
  },
  source(call) {
    const sizes = sizesOf(call);
    const { n, H, K, S, G, V } = sizes;
    const { attributes } = call;
    const quads = V / 4;
    const start = beginning(attributes, 'h');
    const partsOf = (r: number): string => [0, 1, 2, 3].map((j) => `part[(ty * 4u + ${r}u) * 4u + ${j}u]`).join(', ');
    return `${bindings(attributes)}
@group(0) @binding(${afterInputs(attributes)}) var<storage, read_write> o: array<vec4f>;
${tileMemory}
var<workgroup> part: array<vec4f, ${4 * tile}>;
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
  ${ownPositions('places', `queryPositions[b * ${n}u + min(i0 + lane, ${n - 1}u)]`)}
  ${eachRow((r) => `var top${r} = ${start.top}; var mass${r} = ${start.mass};`)}
  ${eachSum(quads, (r, v) => `var sum${r}_${v} = vec4f(0.0);`)}
  for (var s0 = 0u; s0 < ${S}u; s0 += ${tile}u) {
    ${otherPositions('ats', `select(-1, keyPositions[b * ${S}u + min(s0 + lane, ${S - 1}u)], s0 + lane < ${S}u)`, keyNear(attributes))}
    // A bit for each of the 16 scores that counts.
    var sees = 0u;
    for (var e = 0u; e < 16u; e++) {
      let i = i0 + ty * 4u + e / 4u;
      let s = s0 + tx * 4u + e % 4u;
      let position = places[ty * 4u + e / 4u];
      let at = ats[tx * 4u + e % 4u];
      if (i < ${n}u && (${visible(attributes, `(b * ${n}u + min(i, ${n - 1}u)) * ${S}u + min(s, ${S - 1}u)`)})) { sees |= 1u << e; }
    }
    ${eachRow((r) => `var score${r} = vec4f(0.0);`)}
    ${tileProduct(
      'score',
      K / 4,
      { buffer: 'q', row: `(b * ${n}u + min(i0 + r, ${n - 1}u)) * ${H}u + h` },
      { buffer: 'k', row: `(b * ${S}u + min(s0 + r, ${S - 1}u)) * ${G}u + kv` },
    )}
    ${eachRow((r) => `score${r} = select(vec4f(${lowest}), ${vector((c) => scored(attributes, `score${r}[${c}]`))}, ${seenIn(r)});`)}
    ${eachRow((r) => `part[(ty * 4u + ${r}u) * 4u + tx / 4u][tx % 4u] = max(max(score${r}.x, score${r}.y), max(score${r}.z, score${r}.w));`)}
    workgroupBarrier();
    ${eachRow((r) => `let highest${r} = max(top${r}, largest(${partsOf(r)})); let fade${r} = exp(top${r} - highest${r}); top${r} = highest${r};`)}
    ${eachRow((r) => `let w${r} = select(vec4f(0.0), exp(score${r} - highest${r}), score${r} > vec4f(${lowest}));`)}
    workgroupBarrier();
    ${eachRow((r) => `part[(ty * 4u + ${r}u) * 4u + tx / 4u][tx % 4u] = dot(w${r}, vec4f(1.0));`)}
    ${storeWeights('w')}
    workgroupBarrier();
    ${eachRow((r) => `mass${r} = mass${r} * fade${r} + total(${partsOf(r)});`)}
    ${eachSum(quads, (r, v) => `sum${r}_${v} *= fade${r};`)}
    // What an empty slot holds is nobody's business, not even times zero.
    ${addWeighted('sum', quads, { buffer: 'v', row: `(b * ${S}u + min(s0 + t, ${S - 1}u)) * ${G}u + kv` }, 'ats[t] >= 0')}
  }
  ${eachSum(
    quads,
    (r, v) =>
      `if (i0 + ty * 4u + ${r}u < ${n}u && tx + ${16 * v}u < ${quads}u) { o[((b * ${n}u + i0 + ty * 4u + ${r}u) * ${H}u + h) * ${quads}u + tx + ${16 * v}u] = select(vec4f(0.0), sum${r}_${v} / mass${r}, mass${r} > 0.0); }`,
  )}
}`;
  },
};
