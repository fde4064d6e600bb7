import type { GpuCapabilities, KernelPass } from '@tessera/tensor-core';
import { bindQuads, readQuad, writeQuad } from '../quads.wgsl.ts';
import type { LinearAttentionSizes, LinearAttentionVariant } from './linear-attention-call.ts';

/** What every pass over chunks is generated from. */
export interface ChunkPlan extends LinearAttentionSizes, LinearAttentionVariant {
  /** C, entries of a chunk: a multiple of 4 up to 64. */
  readonly C: number;
  /** N, how many chunks there are. */
  readonly N: number;
  readonly capabilities: GpuCapabilities;
}

/** A storage buffer of a pass under the name that its WGSL has for it. */
export interface Bound {
  readonly name: string;
  readonly from: KernelPass['bindings'][number];
  /**
   * Numbers of a row. There are then functions `read_name(row, column)` and, where it is written, `write_name(row, column, x)` for
   * four numbers. Absent: an array of numbers.
   */
  readonly width?: number;
}

/** A pass over its own share of the buffers: WGSL before and inside `main`, in which `lane`, `group`, and `n`, `h`, `b` are known. */
export interface PassCode {
  readonly bound: readonly Bound[];
  readonly lanes: number;
  /** Workgroups for each chunk of each head; their number is `tile`. @defaultValue 1 */
  readonly tiles?: number;
  readonly declarations?: string;
  readonly body: string;
}

function declaration({ name, from, width }: Bound, binding: number): string {
  if (width === undefined)
    return `@group(0) @binding(${binding}) var<storage, ${from.write ? 'read_write' : 'read'}> ${name}: array<f32>;`;
  const rows = { name, binding, width, aligned: width % 4 === 0 };
  return [
    bindQuads(rows, from.write ? 'read_write' : 'read'),
    readQuad(`read_${name}`, rows),
    ...(from.write ? [writeQuad(`write_${name}`, rows)] : []),
  ].join('\n');
}

/** A pass with workgroups for chunks: `n` is the number of the chunk, `t0` its first entry, `chunk` its place among all heads' chunks. */
export function chunkPass(plan: ChunkPlan, { tiles = 1, ...code }: PassCode): KernelPass {
  const { N, B, H, C } = plan;
  const start = `let tile = group.x % ${tiles}u;
  let n = group.x / ${tiles}u;
  let h = group.y;
  let b = group.z;
  let chunk = (n * ${B}u + b) * ${H}u + h;
  let t0 = n * ${C}u;`;
  return passOf(code, [N * tiles, H, B], start);
}

/** A pass with a grid of its own. */
export function passOf(
  { bound, lanes, declarations = '', body }: PassCode,
  grid: KernelPass['grid'],
  start = '',
): KernelPass {
  return {
    source: `${bound.map(declaration).join('\n')}
${declarations}
@compute @workgroup_size(${lanes})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  ${start}
  ${body}
}`,
    grid,
    bindings: bound.map(({ from }) => from),
  };
}

/** WGSL for 0, 1, 2 and 3, line by line. */
export function four(code: (n: number) => string, between = '\n      '): string {
  return [0, 1, 2, 3].map(code).join(between);
}

/** WGSL of the number of the row of entry `t0 + r` in `q` and `k`, `[B, T, P, K]`. */
export function keyRow({ T, P, H }: ChunkPlan, r: string): string {
  return `((b * ${T}u + t0 + ${r}) * ${P}u + h / ${H / P}u)`;
}

/** The same in `v`, `o` and gates, `[B, T, H, …]`. */
export function valueRow({ T, H }: ChunkPlan, r: string): string {
  return `((b * ${T}u + t0 + ${r}) * ${H}u + h)`;
}

/** WGSL of a vector where a condition holds, else of zeros. */
export function where(condition: string, vector: string): string {
  return `select(vec4f(0.0), ${vector}, ${condition})`;
}
