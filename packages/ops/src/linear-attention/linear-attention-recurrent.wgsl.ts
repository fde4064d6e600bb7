import type { KernelCall, WebGpuDispatchKernel } from '@tessera/tensor-core';
import { sizeOf } from '@tessera/tensor-core';
import type { QuadRows } from '../quads.wgsl.ts';
import { bindQuads, readQuad, writeQuad } from '../quads.wgsl.ts';
import { factorOf } from './chunk-decays.wgsl.ts';
import type { LinearAttentionVariant } from './linear-attention-call.ts';
import { operandsOf, sizesOf } from './linear-attention-call.ts';

/** Columns of a state that a workgroup keeps, by fours. */
const quads = 4;
/** Lanes among which the keys of a column are shared. */
const shares = 16;
const lanes = quads * shares;
/** Keys whose rows of the state a lane can keep in registers. */
const mostKeys = 64 * shares;

/**
 * Linear attention one entry after another in one dispatch: a workgroup keeps 16 columns of a head's state in registers, a
 * share of the keys in each lane, and reads and writes them once however many entries there are. With S̃ = e^g ⊙ S, and u what is
 * written, the output is q S̃ + (q · k) u, so that one sum over the lanes an entry serves what keys and queries read.
 */
export const recurrentKernel: WebGpuDispatchKernel<LinearAttentionVariant> = kernelOf(
  'a workgroup for 16 columns of a state',
  'last',
);

/** The same, which writes the state after each entry. */
export const recurrentStatesKernel: WebGpuDispatchKernel<LinearAttentionVariant> = kernelOf(
  'a workgroup for 16 columns of every state',
  'all',
);

function kernelOf(name: string, states: 'last' | 'all'): WebGpuDispatchKernel<LinearAttentionVariant> {
  return {
    backend: 'webgpu',
    name,
    when: (_, call) =>
      call.inputs.every(({ dtype, shape }) => dtype === 'f32' && sizeOf(shape) > 0) &&
      sizesOf(call.inputs).K <= mostKeys,
    grid: (call) => {
      const { B, H, V } = sizesOf(call.inputs);
      return [Math.ceil(V / (4 * quads)), H, B];
    },
    source: (call) => sourceOf(call, states),
  };
}

function sourceOf({ inputs, attributes }: KernelCall<LinearAttentionVariant>, states: 'last' | 'all'): string {
  const { T, P, H, K, V } = sizesOf(inputs);
  const { decay, delta } = attributes;
  const binding = operandsOf([0, 1, 2, 3, 4, 5], attributes);
  const rows = (name: string, at: number): QuadRows => ({ name, binding: at, width: V, aligned: V % 4 === 0 });
  const numbers = (name: string, at: number | undefined): string =>
    at === undefined ? '' : `@group(0) @binding(${at}) var<storage, read> ${name}: array<f32>;`;
  const own = Math.ceil(K / shares);
  const each = (line: (i: number) => string): string => Array.from({ length: own }, (_, i) => line(i)).join('\n    ');
  const inside = (i: number): boolean => (i + 1) * shares <= K;
  // Keys beyond the last read as zeros, and are written nowhere.
  const number = (i: number, value: string): string =>
    inside(i) ? value : `select(0.0, ${value}, share + ${i * shares}u < ${K}u)`;
  const keptAt = (row: string): string =>
    each(
      (i) =>
        `${inside(i) ? '' : `if (share + ${i * shares}u < ${K}u) `}{ keepState(${row} + ${i * shares}u, column, s${i}); }`,
    );
  return `${numbers('q', binding.q)}
${numbers('k', binding.k)}
${bindQuads(rows('v', binding.v))}
${bindQuads(rows('before', binding.S))}
${numbers('g', binding.g)}
${numbers('beta', binding.beta)}
${bindQuads(rows('o', inputs.length), 'read_write')}
${bindQuads(rows('after', inputs.length + 1), 'read_write')}
${readQuad('value', rows('v', binding.v))}
${readQuad('stateBefore', rows('before', binding.S))}
${writeQuad('keepOutput', rows('o', inputs.length))}
${writeQuad('keepState', rows('after', inputs.length + 1))}
// Of this entry and the next in turn, so that one barrier an entry is enough.
var<workgroup> asked: array<vec4f, ${2 * lanes}>;
${delta ? `var<workgroup> known: array<vec4f, ${2 * lanes}>;` : ''}
var<workgroup> likeness: array<f32, ${2 * shares}>;
@compute @workgroup_size(${lanes})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let h = group.y;
  let b = group.z;
  let quad = lane % ${quads}u;
  let share = lane / ${quads}u;
  let column = (group.x * ${quads}u + quad) * 4u;
  let state = (b * ${H}u + h) * ${K}u + share;
  ${each((i) => `var s${i} = vec4f(0.0); ${inside(i) ? '' : `if (share + ${i * shares}u < ${K}u) `}{ s${i} = stateBefore(state + ${i * shares}u, column); }`)}
  for (var t = 0u; t < ${T}u; t++) {
    let at = (b * ${T}u + t) * ${H}u + h;
    let row = ((b * ${T}u + t) * ${P}u + h / ${H / P}u) * ${K}u + share;
    ${each((i) => `let k${i} = ${number(i, `k[row + ${i * shares}u]`)}; let q${i} = ${number(i, `q[row + ${i * shares}u]`)};`)}
    let x = value(at, column);
    ${decay === 'scalar' ? `let decay = ${factorOf('g[at]')};` : ''}
    ${decay === 'none' ? '' : each((i) => `s${i} *= ${decay === 'scalar' ? 'decay' : factorOf(number(i, `g[at * ${K}u + share + ${i * shares}u]`))};`)}
    let turn = t % 2u;
    asked[turn * ${lanes}u + lane] = ${Array.from({ length: own }, (_, i) => `q${i} * s${i}`).join(' + ')};
    ${delta ? `known[turn * ${lanes}u + lane] = ${Array.from({ length: own }, (_, i) => `k${i} * s${i}`).join(' + ')};` : ''}
    if (quad == 0u) { likeness[turn * ${shares}u + share] = ${Array.from({ length: own }, (_, i) => `q${i} * k${i}`).join(' + ')}; }
    workgroupBarrier();
    var u = x;
    ${
      delta
        ? `for (var i = 0u; i < ${shares}u; i++) { u -= known[turn * ${lanes}u + i * ${quads}u + quad]; }
    u *= beta[at];`
        : ''
    }
    ${each((i) => `s${i} = fma(vec4f(k${i}), u, s${i});`)}
    if (share == 0u) {
      var answer = vec4f(0.0);
      var near = 0.0;
      for (var i = 0u; i < ${shares}u; i++) {
        answer += asked[turn * ${lanes}u + i * ${quads}u + quad];
        near += likeness[turn * ${shares}u + i];
      }
      keepOutput(at, column, answer + near * u);
    }
    ${states === 'all' ? keptAt(`at * ${K}u + share`) : ''}
  }
  ${states === 'last' ? keptAt('state') : ''}
}`;
}
