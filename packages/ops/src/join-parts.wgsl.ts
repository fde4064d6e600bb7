import type { Sizes } from './attention.wgsl.ts';
import { lowest } from './attention.wgsl.ts';

/** Parts that can be joined. */
export const mostJoinedParts = 256;
/** Vectors of a row that a workgroup joins. */
export const joinedQuads = 16;

const team = mostJoinedParts / joinedQuads;

/** WGSL that folds a list of {@link mostJoinedParts} numbers in workgroup memory into its first one. */
function folded(list: string, fold: (a: string, b: string) => string): string {
  return `for (var half = ${mostJoinedParts / 2}u; half > 0u; half /= 2u) {
    if (lane < half) { ${list}[lane] = ${fold(`${list}[lane]`, `${list}[lane + half]`)}; }
    workgroupBarrier();
  }`;
}

/**
 * Joins the parts of each row of attention that was split over the cache: sums with their largest score and mass. Parts are read side by
 * side, since one after another each would wait for memory.
 */
export function joinPartsSource({ n, H, V }: Sizes, parts: number): string {
  const quads = V / 4;
  const chunks = Math.ceil(quads / joinedQuads);
  return `@group(0) @binding(0) var<storage, read> sums: array<vec4f>;
@group(0) @binding(1) var<storage, read> statistics: array<vec2f>;
@group(0) @binding(2) var<storage, read_write> o: array<vec4f>;
var<workgroup> scale: array<f32, ${mostJoinedParts}>;
var<workgroup> list: array<f32, ${mostJoinedParts}>;
var<workgroup> joined: array<vec4f, ${mostJoinedParts}>;
@compute @workgroup_size(${mostJoinedParts})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = (group.z * ${n}u + group.y) * ${H}u + group.x / ${chunks}u;
  let quad = (group.x % ${chunks}u) * ${joinedQuads}u + lane % ${joinedQuads}u;
  let part = statistics[row * ${parts}u + min(lane, ${parts - 1}u)];
  let counts = (lane < ${parts}u) & (part.y > 0.0);
  list[lane] = select(${lowest}, part.x, counts);
  workgroupBarrier();
  ${folded('list', (a, b) => `max(${a}, ${b})`)}
  let own = select(0.0, exp(part.x - list[0]), counts);
  scale[lane] = own;
  workgroupBarrier();
  list[lane] = own * part.y;
  workgroupBarrier();
  ${folded('list', (a, b) => `${a} + ${b}`)}
  let mass = list[0];
  var total = vec4f(0.0);
  for (var p = lane / ${joinedQuads}u; p < ${parts}u; p += ${team}u) {
    total += scale[p] * sums[(row * ${parts}u + p) * ${quads}u + min(quad, ${quads - 1}u)];
  }
  joined[lane] = total;
  workgroupBarrier();
  if (lane < ${joinedQuads}u && quad < ${quads}u) {
    for (var t = 1u; t < ${team}u; t++) { total += joined[t * ${joinedQuads}u + lane]; }
    o[row * ${quads}u + quad] = select(vec4f(0.0), total / mass, mass > 0.0);
  }
}`;
}
