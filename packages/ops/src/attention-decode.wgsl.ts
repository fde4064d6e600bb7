import type { KernelPass, WebGpuPassesKernel } from '@tessera/tensor-core';
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

/** Invocations of a workgroup. */
const lanes = 128;
/** Parts of the cache that are read side by side, at most. */
const mostParts = 64;
/** Rows that share what is read of the cache, at most. */
const mostRows = 8;
/** Workgroups that leave a large device idle: then several invocations share a slot, and parts are smaller. */
const fewWorkgroups = 128;

/** How the work is divided. */
interface Layout {
  /** Rows (a query of a head each) of one key head that a workgroup computes, and how many such blocks there are. */
  readonly rows: number;
  readonly blocks: number;
  /** Invocations that read one key together, and slots that a workgroup reads at a time. */
  readonly team: number;
  readonly slots: number;
  /** Parts of the cache, and the tiles of so many slots of each. */
  readonly parts: number;
  readonly tiles: number;
}

/** How a call is divided. */
function layoutOf({ B, n, H, K, G, S }: Sizes): Layout {
  const all = (n * H) / G;
  const rows = Math.min(all, mostRows);
  const blocks = Math.ceil(all / rows);
  const workgroups = Math.ceil(S / lanes) * G * blocks * B;
  const team =
    workgroups > fewWorkgroups
      ? 1
      : ([4, 2].find((each) => K % (4 * each) === 0 && S * each <= lanes * mostParts) ?? 1);
  const slots = lanes / team;
  const tiles = Math.ceil(S / slots / mostParts);
  return { rows, blocks, team, slots, parts: Math.ceil(S / (slots * tiles)), tiles };
}

/** Rows whose sums are joined at a time. */
const joinedRows = 2;

/** Bytes of workgroup memory that a call takes. With pinned slots each row has two queries. */
function sharedBytes(sizes: Sizes, pinned: number): number {
  const { rows } = layoutOf(sizes);
  return (
    4 * (rows * sizes.K * (pinned > 0 ? 2 : 1) + rows * lanes + 4 * joinedRows * lanes + lanes + 3 * rows + lanes + 16)
  );
}

/**
 * Attention of few queries over a cache, split over the cache. A workgroup reads a part of one key head's slots for up to
 * eight rows, queries of the heads that share it, with the softmax running along (online); a second dispatch joins the parts.
 * @see Dao et al. 2023, "Flash-Decoding"; the online softmax: Milakov and Gimelshein 2018, arXiv:1805.02867.
 */
export const decodeAttentionKernel: WebGpuPassesKernel<Attributes> = {
  backend: 'webgpu',
  name: 'split over the cache',
  when: (capabilities, call) => {
    const sizes = sizesOf(call);
    return (
      computable(call) &&
      sizes.n <= fewQueries &&
      sizes.V <= 4 * lanes &&
      call.inputs.length + (call.attributes.sinks ? 1 : 2) <=
        gpuLimit(capabilities, 'maxStorageBuffersPerShaderStage') &&
      sharedBytes(sizes, call.attributes.pinned) <= gpuLimit(capabilities, 'maxComputeWorkgroupStorageSize')
    );
  },
  passes(call) {
    const sizes = sizesOf(call);
    const { B, n, H, G, V } = sizes;
    const layout = layoutOf(sizes);
    const { attributes } = call;
    const inputs: KernelPass['bindings'] = call.inputs.map((_, index) => ({ of: 'input', index }));
    const output = { of: 'output', index: 0, write: true } as const;
    const split = layout.parts > 1;
    // Where parts are joined, the logits of sinks join them.
    const parted = { ...attributes, sinks: attributes.sinks && !split };
    const read = inputs.slice(0, afterInputs(parted));
    const sinks = inputs.slice(read.length);
    const sums = { of: 'temporary', index: 0 } as const;
    const statistics = { of: 'temporary', index: 1 } as const;
    return {
      temporaries: split
        ? [
            { dtype: 'f32', shape: [B * n * H, layout.parts, V] },
            { dtype: 'f32', shape: [B * n * H, layout.parts, 2] },
          ]
        : [],
      passes: [
        {
          source: partSource(sizes, layout, parted),
          grid: [layout.parts, G * layout.blocks, B],
          bindings: split ? [...read, { ...sums, write: true }, { ...statistics, write: true }] : [...read, output],
        },
        ...(split
          ? [
              {
                source: joinSource(sizes, layout, attributes),
                grid: [H, n, B] as const,
                bindings: [sums, statistics, output, ...sinks],
              },
            ]
          : []),
      ],
    };
  },
};

/** Reads a part of the cache: sums of values by weight, the largest score and the mass of each row. */
function partSource(
  { n, H, K, S, G, V }: Sizes,
  { rows, blocks, team, slots, parts, tiles }: Layout,
  attributes: Attributes,
): string {
  const [quads, keys] = [V / 4, K / 4];
  const shares = Math.floor(lanes / quads);
  /** Invocations that reduce the scores of one row. */
  const reducing = Math.floor(lanes / rows);
  const each = (code: (r: number) => string): string => several(rows, code, '\n    ');
  // Several loads are under way before the first is used: one after another, each would wait for memory.
  const pieces = keys / team;
  const deep = [8, 4, 2].find((unroll) => pieces % unroll === 0) ?? 1;
  const wide = Math.max(1, Math.min(4, Math.floor(slots / shares)));
  const first = afterInputs(attributes);
  const { pinned } = attributes;
  const start = beginning(attributes, `kv * ${H / G}u + min(row0 + lane, ${(n * H) / G - 1}u) % ${H / G}u`);
  const query = (from: string): string =>
    `${from}[((b * ${n}u + row / ${H / G}u) * ${H}u + kv * ${H / G}u + row % ${H / G}u) * ${keys}u + e % ${keys}u]`;
  const rowOf = (slot: string): string => `((b * ${S}u + ${slot}) * ${G}u + kv)`;
  /** Rows whose sums are joined at a time: those that there are invocations for. */
  const together = Math.min(joinedRows, rows, Math.max(1, Math.floor(lanes / quads)));
  const joinedAt = (r0: number): string => {
    const count = Math.min(together, rows - r0);
    return `${several(count, (i) => `joined[${i * lanes}u + lane] = sum_${r0 + i};`)}
  workgroupBarrier();
  if (lane < ${count * quads}u && row0 + ${r0}u + lane / ${quads}u < ${(n * H) / G}u) {
    let first = lane / ${quads}u * ${lanes}u + quad;
    var total = vec4f(0.0);
    for (var t = 0u; t < ${shares}u; t++) { total += joined[first + t * ${quads}u]; }
    let r = ${r0}u + lane / ${quads}u;
    let row = row0 + r;
    let out = (b * ${n}u + row / ${H / G}u) * ${H}u + kv * ${H / G}u + row % ${H / G}u;
    ${
      parts > 1
        ? `sums[(out * ${parts}u + group.x) * ${quads}u + quad] = total;
    if (quad == 0u) { statistics[out * ${parts}u + group.x] = vec2f(top[r], mass[r]); }`
        : `o[out * ${quads}u + quad] = select(vec4f(0.0), total / mass[r], mass[r] > 0.0);`
    }
  }`;
  };
  const results =
    parts > 1
      ? `@group(0) @binding(${first}) var<storage, read_write> sums: array<vec4f>;
@group(0) @binding(${first + 1}) var<storage, read_write> statistics: array<vec2f>;`
      : `@group(0) @binding(${first}) var<storage, read_write> o: array<vec4f>;`;
  return `${bindings(attributes)}
${results}
var<workgroup> query: array<vec4f, ${rows * keys * (pinned > 0 ? 2 : 1)}>;
var<workgroup> weight: array<f32, ${rows * lanes}>;
var<workgroup> joined: array<vec4f, ${joinedRows * lanes}>;
var<workgroup> reduced: array<f32, ${lanes}>;
var<workgroup> top: array<f32, ${rows}>;
var<workgroup> mass: array<f32, ${rows}>;
var<workgroup> fade: array<f32, ${rows}>;
var<workgroup> seen: array<u32, ${slots}>;
var<workgroup> live: atomic<u32>;
var<workgroup> passes: u32;
@compute @workgroup_size(${lanes})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let kv = group.y / ${blocks}u;
  let row0 = (group.y % ${blocks}u) * ${rows}u;
  let b = group.z;
  for (var e = lane; e < ${rows * keys}u; e += ${lanes}u) {
    let row = min(row0 + e / ${keys}u, ${(n * H) / G - 1}u);
    query[e] = ${query('q')};
    ${pinned > 0 ? `query[e + ${rows * keys}u] = ${query('pinnedQuery')};` : ''}
  }
  if (lane < ${rows}u) { top[lane] = ${start.top}; mass[lane] = ${start.mass}; }
  ${each((r) => `var sum_${r} = vec4f(0.0);`)}
  let quad = lane % ${quads}u;
  let share = lane / ${quads}u;
  let slot = lane / ${team}u;
  let piece = lane % ${team}u;
  let mine = lane / ${reducing}u;
  let place = lane % ${reducing}u;
  for (var tile = 0u; tile < ${tiles}u; tile++) {
    let s0 = (group.x * ${tiles}u + tile) * ${slots}u;
    let s = min(s0 + slot, ${S - 1}u);
    let at = select(-1, keyPositions[b * ${S}u + s], s0 + slot < ${S}u);
    // A bit for each row that sees the slot.
    var sees = 0u;
    for (var r = 0u; r < ${rows}u; r++) {
      let i = min(row0 + r, ${(n * H) / G - 1}u) / ${H / G}u;
      let position = queryPositions[b * ${n}u + i];
      if (${visible(attributes, `(b * ${n}u + i) * ${S}u + s`)}) { sees |= 1u << r; }
    }
    let any = sees != 0u;
    if (lane == 0u) { atomicStore(&live, 0u); }
    workgroupBarrier();
    if (piece == 0u) { seen[slot] = sees; }
    if (any) { atomicOr(&live, 1u); }
    workgroupBarrier();
    if (lane == 0u) { passes = atomicLoad(&live); }
    // A part in which nobody sees anything, as the rest of a cache that is not full, costs no more than this.
    if (workgroupUniformLoad(&passes) == 0u) { continue; }
    ${each((r) => `var score_${r} = 0.0;`)}
    if (any) {
      ${pinned > 0 ? `let own = select(0u, ${rows * keys}u, s < ${pinned}u);` : ''}
      let key = ${rowOf('s')} * ${keys}u;
      for (var d = piece; d < ${keys}u; d += ${deep * team}u) {
        ${several(deep, (u) => `let x_${u} = k[key + d + ${u * team}u];`)}
        ${each((r) => `score_${r} += ${several(deep, (u) => `dot(query[${pinned > 0 ? 'own + ' : ''}${r * keys}u + d + ${u * team}u], x_${u})`, ' + ')};`)}
      }
    }
    ${each((r) => `weight[${r * lanes}u + lane] = score_${r};`)}
    workgroupBarrier();
    if (mine < ${rows}u) {
      var highest = ${lowest};
      for (var t = place; t < ${slots}u; t += ${reducing}u) {
        let i = mine * ${lanes}u + t * ${team}u;
        let product = ${several(team, (u) => `weight[i + ${u}u]`, ' + ')};
        let score = select(${lowest}, ${scored(attributes, 'product')}, (seen[t] & (1u << mine)) != 0u);
        weight[i] = score;
        highest = max(highest, score);
      }
      reduced[lane] = highest;
    }
    workgroupBarrier();
    if (lane < ${rows}u) {
      var highest = top[lane];
      for (var t = 0u; t < ${reducing}u; t++) { highest = max(highest, reduced[lane * ${reducing}u + t]); }
      fade[lane] = exp(top[lane] - highest);
      top[lane] = highest;
    }
    workgroupBarrier();
    if (mine < ${rows}u) {
      var total = 0.0;
      for (var t = place; t < ${slots}u; t += ${reducing}u) {
        let i = mine * ${lanes}u + t * ${team}u;
        let w = select(0.0, exp(weight[i] - top[mine]), weight[i] > ${lowest});
        weight[i] = w;
        total += w;
      }
      reduced[lane] = total;
    }
    workgroupBarrier();
    if (lane < ${rows}u) {
      var total = mass[lane] * fade[lane];
      for (var t = 0u; t < ${reducing}u; t++) { total += reduced[lane * ${reducing}u + t]; }
      mass[lane] = total;
    }
    ${each((r) => `sum_${r} *= fade[${r}];`)}
    if (share < ${shares}u) {
      for (var t = share; t < ${slots}u; t += ${wide * shares}u) {
        ${several(wide, (u) => `let t_${u} = min(t + ${u * shares}u, ${slots - 1}u); let y_${u} = v[${rowOf(`min(s0 + t_${u}, ${S - 1}u)`)} * ${quads}u + quad];`)}
        ${several(wide, (u) => `let x_${u} = select(vec4f(0.0), y_${u}, seen[t_${u}] != 0u && t + ${u * shares}u < ${slots}u);`)}
        ${each((r) => `sum_${r} += ${several(wide, (u) => `weight[${r * lanes}u + t_${u} * ${team}u] * x_${u}`, ' + ')};`)}
      }
    }
    workgroupBarrier();
  }
  ${several(Math.ceil(rows / together), (i) => joinedAt(i * together), '\n  workgroupBarrier();\n  ')}
}`;
}

/** Code for each of several numbers. */
function several(count: number, code: (u: number) => string, between = ' '): string {
  return Array.from({ length: count }, (_, u) => code(u)).join(between);
}

/** Invocations that join the parts of a row, one for each of them at first. */
const joining = 64;

/** Joins the parts of each row. */
function joinSource({ n, H, V }: Sizes, { parts }: Layout, attributes: Attributes): string {
  const quads = V / 4;
  const width = Math.min(quads, joining);
  const shares = Math.floor(joining / width);
  const start = beginning(attributes, 'group.x');
  return `@group(0) @binding(0) var<storage, read> sums: array<vec4f>;
@group(0) @binding(1) var<storage, read> statistics: array<vec2f>;
@group(0) @binding(2) var<storage, read_write> o: array<vec4f>;
${attributes.sinks ? '@group(0) @binding(3) var<storage, read> sinks: array<f32>;' : ''}
var<workgroup> factor: array<f32, ${joining}>;
var<workgroup> masses: array<f32, ${joining}>;
var<workgroup> joined: array<vec4f, ${joining}>;
@compute @workgroup_size(${joining})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = (group.z * ${n}u + group.y) * ${H}u + group.x;
  var own = vec2f(${lowest}, 0.0);
  if (lane < ${parts}u) { own = statistics[row * ${parts}u + lane]; }
  factor[lane] = select(${lowest}, own.x, own.y > 0.0);
  workgroupBarrier();
  var top = ${start.top};
  for (var p = 0u; p < ${parts}u; p += 4u) { top = max(top, max(max(factor[p], factor[p + 1u]), max(factor[p + 2u], factor[p + 3u]))); }
  workgroupBarrier();
  let scale = select(0.0, exp(own.x - top), own.y > 0.0);
  factor[lane] = scale;
  masses[lane] = own.y * scale;
  workgroupBarrier();
  var mass = ${attributes.sinks ? `exp(${start.top} - top)` : '0.0'};
  for (var p = 0u; p < ${parts}u; p += 4u) { mass += masses[p] + masses[p + 1u] + masses[p + 2u] + masses[p + 3u]; }
  let share = lane / ${width}u;
  for (var first = 0u; first < ${quads}u; first += ${width}u) {
    let quad = first + lane % ${width}u;
    var total = vec4f(0.0);
    if (share < ${shares}u && quad < ${quads}u) {
      // Four at a time, so that loads do not wait for each other; behind the last part stand factors of nothing.
      for (var p = share; p < ${parts}u; p += ${4 * shares}u) {
        ${several(4, (u) => `let p_${u} = min(p + ${u * shares}u, ${parts - 1}u); let sum_${u} = sums[(row * ${parts}u + p_${u}) * ${quads}u + quad];`)}
        // A part in which nothing is seen may hold anything.
        ${several(4, (u) => `let f_${u} = select(0.0, factor[p_${u}], p + ${u * shares}u < ${parts}u); total += select(vec4f(0.0), f_${u} * sum_${u}, f_${u} > 0.0);`)}
      }
    }
    joined[lane] = total;
    workgroupBarrier();
    if (lane < ${width}u && quad < ${quads}u) {
      for (var other = 1u; other < ${shares}u; other++) { total += joined[other * ${width}u + lane]; }
      o[row * ${quads}u + quad] = select(vec4f(0.0), total / mass, mass > 0.0);
    }
    workgroupBarrier();
  }
}`;
}
