import type { GpuCapabilities, KernelCall, WebGpuKernel } from '@tessera/tensor-core';

/** What the shaders need of the attributes of attention. */
interface Attributes {
  readonly scale: number;
  readonly causal: boolean;
  readonly window: number;
  readonly softCap: number;
  readonly masked: boolean;
}

interface Sizes {
  readonly B: number;
  readonly n: number;
  readonly H: number;
  readonly K: number;
  readonly S: number;
  readonly G: number;
  readonly V: number;
}

function sizesOf({ inputs: [q, k, v] }: KernelCall<Attributes>): Sizes {
  const [B, n, H, K] = q!.shape as [number, number, number, number];
  const [, S, G] = k!.shape as [number, number, number];
  return { B, n, H, K, S, G, V: v!.shape[3]! };
}

const fewQueries = 8;

function computable(call: KernelCall<Attributes>): boolean {
  const { B, n, H, S, K, V } = sizesOf(call);
  return (
    [0, 1, 2].every((input) => call.inputs[input]!.dtype === 'f32') &&
    B * n * H * S * K * V > 0 &&
    K % 4 === 0 &&
    V % 4 === 0
  );
}

const bindings = (masked: boolean): string => `@group(0) @binding(0) var<storage, read> q: array<vec4f>;
@group(0) @binding(1) var<storage, read> k: array<vec4f>;
@group(0) @binding(2) var<storage, read> v: array<vec4f>;
@group(0) @binding(3) var<storage, read> queryPositions: array<i32>;
@group(0) @binding(4) var<storage, read> keyPositions: array<i32>;
${masked ? '@group(0) @binding(5) var<storage, read> mask: array<u32>;' : ''}
@group(0) @binding(${masked ? 6 : 5}) var<storage, read_write> o: array<f32>;`;

/** Whether a query at \`position\` sees a key at \`at\`. */
function visible({ causal, window, masked }: Attributes, maskIndex: string): string {
  return [
    'at >= 0',
    ...(causal ? ['at <= position'] : []),
    ...(window > 0 ? [`abs(position - at) < ${window}`] : []),
    ...(masked ? [`mask[${maskIndex}] != 0u`] : []),
  ].join(' && ');
}

function scored({ scale, softCap }: Attributes, dotProduct: string): string {
  const score = `(${dotProduct}) * ${float(scale)}`;
  return softCap > 0 ? `${float(softCap)} * tanh(clamp(${score} / ${float(softCap)}, -20.0, 20.0))` : score;
}

function float(value: number): string {
  return `${Math.fround(value)}f`;
}

const lowest = '-1e30';

function threadsFor(capabilities: GpuCapabilities): number {
  return (capabilities.limits['maxComputeInvocationsPerWorkgroup'] ?? 256) >= 1024 &&
    (capabilities.limits['maxComputeWorkgroupSizeX'] ?? 256) >= 1024
    ? 1024
    : 256;
}

/**
 * Attention of few queries over a cache: a workgroup for each query and head. Lanes take a slot each for the scores, then an
 * element of the value and a share of the slots; the softmax runs along (online).
 * @see Milakov and Gimelshein 2018, arXiv:1805.02867.
 */
export const decodeAttentionKernel: WebGpuKernel<Attributes> = {
  backend: 'webgpu',
  name: 'a workgroup a query',
  when: (_, call) => computable(call) && sizesOf(call).n <= fewQueries && sizesOf(call).V <= 256,
  grid: (call) => {
    const { B, n, H } = sizesOf(call);
    return [H, n, B];
  },
  source(call, capabilities) {
    const { n, H, K, S, G, V } = sizesOf(call);
    const { attributes } = call;
    const quads = V / 4;
    const threads = S <= 128 ? 128 : threadsFor(capabilities);
    const shares = Math.max(1, Math.floor(threads / quads));
    return `${bindings(attributes.masked)}
var<workgroup> query: array<vec4f, ${K / 4}>;
var<workgroup> weight: array<f32, ${threads}>;
var<workgroup> part: array<f32, ${threads}>;
var<workgroup> sums: array<vec4f, ${threads}>;
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let h = group.x;
  let i = group.y;
  let b = group.z;
  let row = (b * ${n}u + i) * ${H}u + h;
  let kv = h / ${H / G}u;
  let position = queryPositions[b * ${n}u + i];
  if (lane < ${K / 4}u) { query[lane] = q[row * ${K / 4}u + lane]; }
  workgroupBarrier();
  var top = ${lowest};
  var mass = 0.0;
  var sum = vec4f(0.0);
  let quad = lane % ${quads}u;
  let share = lane / ${quads}u;
  for (var s0 = 0u; s0 < ${S}u; s0 += ${threads}u) {
    let s = s0 + lane;
    var score = ${lowest};
    if (s < ${S}u) {
      let at = keyPositions[b * ${S}u + s];
      if (${visible(attributes, `(b * ${n}u + i) * ${S}u + s`)}) {
        let key = ((b * ${S}u + s) * ${G}u + kv) * ${K / 4}u;
        var product = 0.0;
        for (var d = 0u; d < ${K / 4}u; d++) { product += dot(query[d], k[key + d]); }
        score = ${scored(attributes, 'product')};
      }
    }
    part[lane] = score;
    workgroupBarrier();
    for (var half = ${threads / 2}u; half > 0u; half = half / 2u) {
      if (lane < half) { part[lane] = max(part[lane], part[lane + half]); }
      workgroupBarrier();
    }
    let highest = max(top, part[0]);
    workgroupBarrier();
    let w = select(0.0, exp(score - highest), score > ${lowest});
    weight[lane] = w;
    part[lane] = w;
    workgroupBarrier();
    for (var half = ${threads / 2}u; half > 0u; half = half / 2u) {
      if (lane < half) { part[lane] += part[lane + half]; }
      workgroupBarrier();
    }
    let fade = exp(top - highest);
    mass = mass * fade + part[0];
    sum *= fade;
    if (share < ${shares}u) {
      for (var t = share; t < min(${threads}u, ${S}u - s0); t += ${shares}u) {
        let w = weight[t];
        if (w > 0.0) { sum += w * v[((b * ${S}u + s0 + t) * ${G}u + kv) * ${quads}u + quad]; }
      }
    }
    top = highest;
    workgroupBarrier();
  }
  sums[lane] = sum;
  workgroupBarrier();
  if (lane < ${quads}u) {
    var total = vec4f(0.0);
    for (var t = 0u; t < ${shares}u; t++) { total += sums[t * ${quads}u + lane]; }
    let result = select(vec4f(0.0), total / mass, mass > 0.0);
    let out = row * ${V}u + lane * 4u;
    o[out] = result.x; o[out + 1u] = result.y; o[out + 2u] = result.z; o[out + 3u] = result.w;
  }
}`;
  },
};

const tile = 32;

function tileBytes({ K, V }: Sizes): number {
  return 4 * (tile * K + tile * Math.max(K, V) + tile * (tile + 1) + tile * 8 + 4 * tile);
}

/**
 * Attention of many queries, tile by tile: 32 queries of a head stay in workgroup memory while tiles of 32 keys and values
 * pass; scores are never stored. Tiles in which nobody sees anything are passed over.
 * @see Dao et al. 2022, arXiv:2205.14135.
 */
export const prefillAttentionKernel: WebGpuKernel<Attributes> = {
  backend: 'webgpu',
  name: 'tiles of 32 queries and keys',
  when: (capabilities, call) => {
    const sizes = sizesOf(call);
    return (
      computable(call) &&
      sizes.n > fewQueries &&
      sizes.V % 8 === 0 &&
      sizes.V <= 256 &&
      tileBytes(sizes) <= (capabilities.limits['maxComputeWorkgroupStorageSize'] ?? 16_384)
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
    return `${bindings(attributes.masked)}
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
  for (var e = lane; e < ${(tile * K) / 4}u; e += 128u) {
    let r = e / ${K / 4}u;
    let d = e % ${K / 4}u;
    let x = q[((b * ${n}u + min(i0 + r, ${n - 1}u)) * ${H}u + h) * ${K / 4}u + d];
    for (var j = 0u; j < 4u; j++) { queries[(d * 4u + j) * ${tile}u + r] = x[j]; }
  }
  if (lane < ${tile}u) { places[lane] = select(-1, queryPositions[b * ${n}u + min(i0 + lane, ${n - 1}u)], i0 + lane < ${n}u); }
  var top0 = ${lowest}; var top1 = ${lowest};
  var mass0 = 0.0; var mass1 = 0.0;
  var sum0: array<f32, ${own}>; var sum1: array<f32, ${own}>;
  workgroupBarrier();
  for (var s0 = 0u; s0 < ${S}u; s0 += ${tile}u) {
    if (lane < ${tile}u) { ats[lane] = select(-1, keyPositions[b * ${S}u + min(s0 + lane, ${S - 1}u)], s0 + lane < ${S}u); }
    if (lane == 0u) { atomicStore(&live, 0u); }
    workgroupBarrier();
    ${rows.flatMap((r) => columns.map((j) => `var seen${r}${j} = false;`)).join(' ')}
    ${rows
      .map(
        (r) => `{ let position = places[r0 + ${r}u];
      ${columns.map((j) => `{ let at = ats[c * 4u + ${j}u]; let s = min(s0 + c * 4u + ${j}u, ${S - 1}u); seen${r}${j} = i0 + r0 + ${r}u < ${n}u && ${visible(attributes, `(b * ${n}u + i0 + r0 + ${r}u) * ${S}u + s`)}; }`).join('\n      ')} }`,
      )
      .join('\n    ')}
    if (${rows.flatMap((r) => columns.map((j) => `seen${r}${j}`)).join(' || ')}) { atomicOr(&live, 1u); }
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
