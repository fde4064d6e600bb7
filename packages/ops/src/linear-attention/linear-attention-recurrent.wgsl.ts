import type { WebGpuDispatchKernel } from '@tessera/tensor-core';
import { sizeOf } from '@tessera/tensor-core';
import type { LinearAttentionVariant } from './linear-attention-call.ts';
import { sizesOf } from './linear-attention-call.ts';
import type { QuadRows } from '../quads.wgsl.ts';
import { bindQuads, readQuad } from '../quads.wgsl.ts';

const columns = 16;

/**
 * The gated delta rule one entry after another in one dispatch: a workgroup keeps 16 columns of a head's state in registers, a
 * share of the keys in each lane, and reads and writes them once however many entries there are. With u = β (v − e^g k S) the
 * output is e^g q S + (q · k) u, so that one sum over the lanes an entry serves both.
 */
export const recurrentKernel: WebGpuDispatchKernel<LinearAttentionVariant> = {
  backend: 'webgpu',
  name: 'a workgroup for 16 columns of a state',
  when: (_, call) =>
    call.attributes.decay === 'scalar' &&
    call.attributes.delta &&
    call.inputs.every(({ dtype, shape }) => dtype === 'f32' && sizeOf(shape) > 0) &&
    sizesOf(call.inputs).K <= 1024,
  grid: (call) => {
    const { B, H, V } = sizesOf(call.inputs);
    return [Math.ceil(V / columns), H, B];
  },
  source(call) {
    const { T, P, H, K, V } = sizesOf(call.inputs);
    const shares = Math.min(16, 2 ** Math.ceil(Math.log2(Math.ceil(K / 16))));
    const own = Math.ceil(K / 4 / shares); // quads of keys a lane
    const quads = own * shares;
    const lanes = columns * shares;
    const rows = (name: string, binding: number): QuadRows => ({ name, binding, width: K, aligned: K % 4 === 0 });
    const each = (line: (i: number) => string): string => Array.from({ length: own }, (_, i) => line(i)).join('\n    ');
    const sum = (a: string, b: string): string =>
      Array.from({ length: own }, (_, i) => `dot(${a}${i}, ${b}${i})`).join(' + ');
    return `${bindQuads(rows('q', 0))}
${bindQuads(rows('k', 1))}
@group(0) @binding(2) var<storage, read> v: array<f32>;
@group(0) @binding(4) var<storage, read> g: array<f32>;
@group(0) @binding(5) var<storage, read> beta: array<f32>;
@group(0) @binding(3) var<storage, read> before: array<f32>;
@group(0) @binding(6) var<storage, read_write> o: array<f32>;
@group(0) @binding(7) var<storage, read_write> after: array<f32>;
${readQuad('query', rows('q', 0))}
${readQuad('key', rows('k', 1))}
// Of this entry and the next in turn, so that one barrier an entry is enough.
var<workgroup> queries: array<vec4f, ${2 * quads}>;
var<workgroup> keys: array<vec4f, ${2 * quads}>;
var<workgroup> parts: array<vec4f, ${2 * lanes}>;
fn load(row: u32, turn: u32, lane: u32) {
  for (var i = lane; i < ${quads}u; i += ${lanes}u) {
    queries[turn * ${quads}u + i] = query(row, i * 4u);
    keys[turn * ${quads}u + i] = key(row, i * 4u);
  }
}
fn state(row: u32, i: u32, j: u32) -> vec4f {
  var s = vec4f(0.0);
  for (var n = 0u; n < 4u; n++) { if (i + n < ${K}u) { s[n] = before[(row + i + n) * ${V}u + j]; } }
  return s;
}
fn keep(row: u32, i: u32, j: u32, s: vec4f) {
  for (var n = 0u; n < 4u; n++) { if (i + n < ${K}u) { after[(row + i + n) * ${V}u + j] = s[n]; } }
}
@compute @workgroup_size(${lanes})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let h = group.y;
  let b = group.z;
  let column = lane % ${columns}u;
  let share = lane / ${columns}u;
  let inside = group.x * ${columns}u + column < ${V}u;
  let j = min(group.x * ${columns}u + column, ${V - 1}u);
  let first = share * ${own}u;
  let row = (b * ${H}u + h) * ${K}u;
  ${each((i) => `var s${i} = state(row, (first + ${i}u) * 4u, j);`)}
  load(b * ${T * P}u + h / ${H / P}u, 0u, lane);
  workgroupBarrier();
  for (var t = 0u; t < ${T}u; t++) {
    let turn = t % 2u;
    let at = (b * ${T}u + t) * ${H}u + h;
    let value = v[at * ${V}u + j];
    let decay = exp(g[at]);
    let strength = beta[at];
    let own = turn * ${quads}u + first;
    ${each((i) => `let k${i} = keys[own + ${i}u]; let q${i} = queries[own + ${i}u];`)}
    parts[turn * ${lanes}u + lane] = vec4f(${sum('k', 's')}, ${sum('q', 's')}, ${sum('q', 'k')}, 0.0);
    if (t + 1u < ${T}u) { load((b * ${T}u + t + 1u) * ${P}u + h / ${H / P}u, 1u - turn, lane); }
    workgroupBarrier();
    var sums = vec4f(0.0);
    for (var i = column; i < ${lanes}u; i += ${columns}u) { sums += parts[turn * ${lanes}u + i]; }
    let u = strength * (value - decay * sums.x);
    ${each((i) => `s${i} = decay * s${i} + u * k${i};`)}
    if (share == 0u && inside) { o[at * ${V}u + j] = decay * sums.y + sums.z * u; }
  }
  if (inside) {
    ${each((i) => `keep(row, (first + ${i}u) * 4u, j, s${i});`)}
  }
}`;
  },
};
