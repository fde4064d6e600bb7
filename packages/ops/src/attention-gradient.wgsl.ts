import type { KernelPass, WebGpuPassesKernel } from '@tessera/tensor-core';
import { gpuLimit } from '@tessera/tensor-core';
import {
  addWeighted,
  eachRow,
  eachSum,
  keyNear,
  otherPositions,
  ownPositions,
  queryNear,
  seenIn,
  storeWeights,
  tile,
  tileMemory,
  tileMemoryBytes,
  tileProduct,
  vector,
} from './attention-blocks.wgsl.ts';
import { computable, float, lowest, scored, sizesOf, visible } from './attention.wgsl.ts';
import type { Attributes, Sizes } from './attention.wgsl.ts';

const sharedBytes = tileMemoryBytes + 4 * (2 * tile + 4 * tile);
/** Buffers of the pass that binds most. */
const mostBuffers = 10;

interface Bound {
  readonly name: string;
  readonly element: string;
  readonly from: KernelPass['bindings'][number];
}

/**
 * Gradient of attention by queries, keys and values, tile by tile: weights are computed again from the logarithm of each query's
 * mass, nothing of size queries × keys is stored. Three dispatches: the logarithms, the keys and values, the queries; with
 * logits of sinks a fourth.
 * @see Dao et al. 2022, arXiv:2205.14135, appendix B.
 */
export const attentionGradientKernel: WebGpuPassesKernel<Attributes> = {
  backend: 'webgpu',
  name: 'tiles of 64 queries and keys',
  when: (capabilities, call) => {
    const { K, V } = sizesOf(call);
    return (
      computable(call) &&
      call.attributes.pinned === 0 &&
      K <= 256 &&
      V <= 256 &&
      sharedBytes <= gpuLimit(capabilities, 'maxComputeWorkgroupStorageSize') &&
      mostBuffers <= gpuLimit(capabilities, 'maxStorageBuffersPerShaderStage')
    );
  },
  passes(call) {
    const sizes = sizesOf(call);
    const { attributes } = call;
    const { B, n, H, S, G } = sizes;
    const input = (name: string, element: string, index: number): Bound => ({
      name,
      element,
      from: { of: 'input', index },
    });
    const [q, k, v] = ['q', 'k', 'v'].map((name, index) => input(name, 'vec4f', index)) as [Bound, Bound, Bound];
    const places = [input('queryPositions', 'i32', 3), input('keyPositions', 'i32', 4)];
    const mask = attributes.masked ? [input('mask', 'u32', 5)] : [];
    const sinks = attributes.sinks ? [input('sinks', 'f32', 5 + mask.length)] : [];
    const last = 5 + mask.length + sinks.length;
    const [o, dO] = [input('o', 'vec4f', last), input('d_o', 'vec4f', last + 1)];
    const statistics = (write: boolean): Bound => ({
      name: 'statistics',
      element: 'vec2f',
      from: { of: 'temporary', index: 0, write },
    });
    const output = (name: string, index: number): Bound => ({
      name,
      element: 'vec4f',
      from: { of: 'output', index, write: true },
    });
    const queryTiles = Math.ceil(n / tile);
    const pass = (bound: readonly Bound[], grid: readonly [number, number, number], body: string): KernelPass => ({
      source: frame(bound, body),
      grid,
      bindings: bound.map(({ from }) => from),
    });
    return {
      temporaries: [{ dtype: 'f32', shape: [B, H, n, 2] }],
      passes: [
        pass(
          [q, k, ...places, ...mask, ...sinks, o, dO, statistics(true)],
          [queryTiles, H, B],
          statisticsBody(sizes, attributes),
        ),
        pass(
          [q, k, v, ...places, ...mask, dO, statistics(false), output('d_k', 1), output('d_v', 2)],
          [Math.ceil(S / tile), G, B],
          keysBody(sizes, attributes),
        ),
        pass(
          [q, k, v, ...places, ...mask, dO, statistics(false), output('d_q', 0)],
          [queryTiles, H, B],
          queriesBody(sizes, attributes),
        ),
        ...(attributes.sinks
          ? [
              pass(
                [...sinks, statistics(false), { ...output('d_sinks', 3), element: 'f32' }],
                [H, 1, 1],
                sinksBody(sizes),
              ),
            ]
          : []),
      ],
    };
  },
};

function frame(bound: readonly Bound[], body: string): string {
  const bindings = bound.map(
    ({ name, element, from }, i) =>
      `@group(0) @binding(${i}) var<storage, ${from.write ? 'read_write' : 'read'}> ${name}: array<${element}>;`,
  );
  return `${bindings.join('\n')}
${tileMemory}
var<workgroup> part: array<f32, ${4 * tile}>;
var<workgroup> logs: array<f32, ${tile}>;
var<workgroup> dots: array<f32, ${tile}>;
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let b = group.z;
  let ty = lane / 16u;
  let tx = lane % 16u;
  ${body}
}`;
}

/** Rows of queries `i0 + r`, of keys `s0 + r`, as they lie. */
const queryRow = ({ n, H }: Sizes, at: string): string => `(b * ${n}u + min(i0 + ${at}, ${n - 1}u)) * ${H}u + h`;
const keyRow = ({ S, G }: Sizes, at: string): string => `(b * ${S}u + min(s0 + ${at}, ${S - 1}u)) * ${G}u + kv`;
const queryPosition = ({ n }: Sizes): string => `queryPositions[b * ${n}u + min(i0 + lane, ${n - 1}u)]`;
const keyPosition = ({ S }: Sizes): string =>
  `select(-1, keyPositions[b * ${S}u + min(s0 + lane, ${S - 1}u)], s0 + lane < ${S}u)`;

/** Bits of the 16 pairs that count; `i` and `s` are WGSL of the numbers of query and key in the tile. */
function seen({ n, S }: Sizes, attributes: Attributes, i: string, s: string): string {
  return `var sees = 0u;
    for (var e = 0u; e < 16u; e++) {
      let position = places[${i}];
      let at = ats[${s}];
      if (i0 + ${i} < ${n}u && (${visible(attributes, `(b * ${n}u + min(i0 + ${i}, ${n - 1}u)) * ${S}u + min(s0 + ${s}, ${S - 1}u)`)})) { sees |= 1u << e; }
    }`;
}

/** Factor of a score's cotangent: what the scale and the cap make of it. */
function slope({ scale, softCap }: Attributes, score: string): string {
  if (softCap === 0) return float(scale);
  const part = `(${score} / ${float(softCap)})`;
  return `(${float(scale)} * (1.0 - ${part} * ${part}))`;
}

/** Of each query the logarithm of its mass, log Σ exp(score), and dO · O. */
function statisticsBody(sizes: Sizes, attributes: Attributes): string {
  const { n, H, K, S, G, V } = sizes;
  return `let i0 = group.x * ${tile}u;
  let h = group.y;
  let kv = h / ${H / G}u;
  ${ownPositions('places', queryPosition(sizes))}
  ${eachRow((r) => `var top${r} = ${lowest}; var mass${r} = 0.0;`)}
  for (var s0 = 0u; s0 < ${S}u; s0 += ${tile}u) {
    ${otherPositions('ats', keyPosition(sizes), keyNear(attributes))}
    ${seen(sizes, attributes, '(ty * 4u + e / 4u)', '(tx * 4u + e % 4u)')}
    ${eachRow((r) => `var score${r} = vec4f(0.0);`)}
    ${tileProduct('score', K / 4, { buffer: 'q', row: queryRow(sizes, 'r') }, { buffer: 'k', row: keyRow(sizes, 'r') })}
    ${eachRow(
      (r) => `{ let x = select(vec4f(${lowest}), ${vector((c) => scored(attributes, `score${r}[${c}]`))}, ${seenIn(r)});
      let highest = max(top${r}, max(max(x.x, x.y), max(x.z, x.w)));
      mass${r} = mass${r} * exp(top${r} - highest) + dot(select(vec4f(0.0), exp(x - highest), x > vec4f(${lowest})), vec4f(1.0));
      top${r} = highest; }`,
    )}
  }
  // Each of sixteen invocations has a share of a row: joined by way of memory that is free now.
  ${eachRow((r) => `strip[(ty * 4u + ${r}u) * 8u + tx / 2u][(tx % 2u) * 2u] = top${r}; strip[(ty * 4u + ${r}u) * 8u + tx / 2u][(tx % 2u) * 2u + 1u] = mass${r};`)}
  workgroupBarrier();
  if (lane < ${tile}u && i0 + lane < ${n}u) {
    var top = ${attributes.sinks ? 'sinks[h]' : lowest};
    for (var j = 0u; j < 8u; j++) { let x = strip[lane * 8u + j]; top = max(top, max(x.x, x.z)); }
    var mass = ${attributes.sinks ? 'exp(sinks[h] - top)' : '0.0'};
    for (var j = 0u; j < 8u; j++) { let x = strip[lane * 8u + j]; mass += x.y * exp(x.x - top) + x.w * exp(x.z - top); }
    let row = (b * ${n}u + i0 + lane) * ${H}u + h;
    var product = 0.0;
    for (var d = 0u; d < ${V / 4}u; d++) { product += dot(o[row * ${V / 4}u + d], d_o[row * ${V / 4}u + d]); }
    statistics[(b * ${H}u + h) * ${n}u + i0 + lane] = vec2f(select(1e30, top + log(mass), mass > 0.0), product);
  }`;
}

/** Cotangent of the logit of each head's sink, −Σ p_b (dO · O) over all of its queries. */
function sinksBody({ B, n, H }: Sizes): string {
  return `let h = group.x;
  var sum = 0.0;
  for (var e = lane; e < ${B * n}u; e += 256u) {
    let x = statistics[((e / ${n}u) * ${H}u + h) * ${n}u + e % ${n}u];
    sum -= exp(sinks[h] - x.x) * x.y;
  }
  part[lane] = sum;
  workgroupBarrier();
  if (lane == 0u) {
    var whole = 0.0;
    for (var t = 0u; t < 256u; t++) { whole += part[t]; }
    d_sinks[h] = whole;
  }`;
}

/** dK and dV of 64 keys: over all queries of the heads that share them. */
function keysBody(sizes: Sizes, attributes: Attributes): string {
  const { n, H, K, S, G, V } = sizes;
  const write = (buffer: string, quads: number): string =>
    eachSum(
      quads,
      (r, v) =>
        `if (s0 + ty * 4u + ${r}u < ${S}u && tx + ${16 * v}u < ${quads}u) { ${buffer}[((b * ${S}u + s0 + ty * 4u + ${r}u) * ${G}u + kv) * ${quads}u + tx + ${16 * v}u] = ${buffer}_${r}_${v}; }`,
    );
  return `let s0 = group.x * ${tile}u;
  let kv = group.y;
  ${ownPositions('ats', keyPosition(sizes), 'place >= 0')}
  ${eachSum(K / 4, (r, v) => `var d_k_${r}_${v} = vec4f(0.0);`)}
  ${eachSum(V / 4, (r, v) => `var d_v_${r}_${v} = vec4f(0.0);`)}
  for (var turn = 0u; turn < ${(H / G) * Math.ceil(n / tile)}u; turn++) {
    let h = kv * ${H / G}u + turn / ${Math.ceil(n / tile)}u;
    let i0 = (turn % ${Math.ceil(n / tile)}u) * ${tile}u;
    ${otherPositions('places', queryPosition(sizes), queryNear(attributes))}
    if (lane < ${tile}u) {
      let x = statistics[(b * ${H}u + h) * ${n}u + min(i0 + lane, ${n - 1}u)];
      logs[lane] = x.x;
      dots[lane] = x.y;
    }
    ${seen(sizes, attributes, '(tx * 4u + e % 4u)', '(ty * 4u + e / 4u)')}
    ${eachRow((r) => `var score${r} = vec4f(0.0); var d_weight${r} = vec4f(0.0);`)}
    ${tileProduct('score', K / 4, { buffer: 'k', row: keyRow(sizes, 'r') }, { buffer: 'q', row: queryRow(sizes, 'r') })}
    ${tileProduct('d_weight', V / 4, { buffer: 'v', row: keyRow(sizes, 'r') }, { buffer: 'd_o', row: queryRow(sizes, 'r') })}
    let log4 = ${vector((c) => `logs[tx * 4u + ${c}u]`)};
    let dot4 = ${vector((c) => `dots[tx * 4u + ${c}u]`)};
    ${eachRow(
      (r) => `let x${r} = ${vector((c) => scored(attributes, `score${r}[${c}]`))};
    let w${r} = select(vec4f(0.0), exp(x${r} - log4), ${seenIn(r)});
    let d_score${r} = select(vec4f(0.0), w${r} * (d_weight${r} - dot4) * ${slope(attributes, `x${r}`)}, ${seenIn(r)});`,
    )}
    ${storeWeights('w')}
    workgroupBarrier();
    ${addWeighted('d_v_', V / 4, { buffer: 'd_o', row: queryRow(sizes, 't') })}
    ${storeWeights('d_score')}
    workgroupBarrier();
    ${addWeighted('d_k_', K / 4, { buffer: 'q', row: queryRow(sizes, 't') })}
  }
  ${write('d_k', K / 4)}
  ${write('d_v', V / 4)}`;
}

/** dQ of 64 queries: over all keys. */
function queriesBody(sizes: Sizes, attributes: Attributes): string {
  const { n, H, K, S, G, V } = sizes;
  const quads = K / 4;
  return `let i0 = (${Math.ceil(n / tile) - 1}u - group.x) * ${tile}u;
  let h = group.y;
  let kv = h / ${H / G}u;
  ${ownPositions('places', queryPosition(sizes))}
  if (lane < ${tile}u) {
    let x = statistics[(b * ${H}u + h) * ${n}u + min(i0 + lane, ${n - 1}u)];
    logs[lane] = x.x;
    dots[lane] = x.y;
  }
  ${eachSum(quads, (r, v) => `var sum${r}_${v} = vec4f(0.0);`)}
  for (var s0 = 0u; s0 < ${S}u; s0 += ${tile}u) {
    ${otherPositions('ats', keyPosition(sizes), keyNear(attributes))}
    ${seen(sizes, attributes, '(ty * 4u + e / 4u)', '(tx * 4u + e % 4u)')}
    ${eachRow((r) => `var score${r} = vec4f(0.0); var d_weight${r} = vec4f(0.0);`)}
    ${tileProduct('score', quads, { buffer: 'q', row: queryRow(sizes, 'r') }, { buffer: 'k', row: keyRow(sizes, 'r') })}
    ${tileProduct('d_weight', V / 4, { buffer: 'd_o', row: queryRow(sizes, 'r') }, { buffer: 'v', row: keyRow(sizes, 'r') })}
    ${eachRow(
      (r) => `let x${r} = ${vector((c) => scored(attributes, `score${r}[${c}]`))};
    let d_score${r} = select(vec4f(0.0), exp(x${r} - logs[ty * 4u + ${r}u]) * (d_weight${r} - dots[ty * 4u + ${r}u]) * ${slope(attributes, `x${r}`)}, ${seenIn(r)});`,
    )}
    ${storeWeights('d_score')}
    workgroupBarrier();
    ${addWeighted('sum', quads, { buffer: 'k', row: keyRow(sizes, 't') }, 'ats[t] >= 0')}
  }
  ${eachSum(
    quads,
    (r, v) =>
      `if (i0 + ty * 4u + ${r}u < ${n}u && tx + ${16 * v}u < ${quads}u) { d_q[((b * ${n}u + i0 + ty * 4u + ${r}u) * ${H}u + h) * ${quads}u + tx + ${16 * v}u] = sum${r}_${v}; }`,
  )}`;
}
