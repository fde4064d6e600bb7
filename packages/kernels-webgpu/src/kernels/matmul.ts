import type { Graph, GraphNode, TensorType } from '@tessera/tensor-core';
import { sizeOf } from '@tessera/tensor-core';
import { storedAs } from '../codegen/region.ts';
import { grid, groupNumber } from '../compile/dispatch.ts';
import type { Dispatch } from '../compile/dispatch.ts';
import type { StridedView } from '../compile/tasks.ts';

/** Rows and columns of a result that a workgroup of 16 × 16 makes, 4 × 4 for each invocation. */
const tile = 64;
const depth = 16;
const fewRows = 4;

/** What a product of matrices reads: both operands as views of buffers. */
export interface MatmulCall {
  readonly graph: Graph;
  readonly node: GraphNode;
  readonly a: StridedView;
  readonly b: StridedView;
}

/** The shader of a product: by rows for few of them, else by tiles through workgroup memory. */
export function matmulDispatch(call: MatmulCall): Dispatch {
  const { graph, node, a, b } = call;
  const [target] = node.outputs as [number];
  const out = graph.types[target]!;
  const M = out.shape.at(-2)!;
  const same = a.leaf === b.leaf;
  const made = M <= fewRows ? byRows(call, out, same) : byTiles(call, out, same);
  return {
    label: 'matmul',
    source: made.source,
    bindings: [{ value: a.leaf, write: false }, ...(same ? [] : [{ value: b.leaf, write: false }]), { value: target, write: true }],
    grid: made.grid,
  };
}

function header({ graph, a, b }: MatmulCall, same: boolean): string {
  const type = (leaf: number): string => storedAs(graph.types[leaf]!.dtype);
  return [
    `@group(0) @binding(0) var<storage, read> a: array<${type(a.leaf)}>;`,
    ...(same ? [] : [`@group(0) @binding(1) var<storage, read> b: array<${type(b.leaf)}>;`]),
    `@group(0) @binding(${same ? 1 : 2}) var<storage, read_write> o: array<f32>;`,
  ].join('\n');
}

function reader(name: string, dtype: TensorType['dtype']): (index: string) => string {
  if (dtype === 'f16') return (i) => `unpack2x16float(${name}[(${i}) / 2u])[(${i}) % 2u]`;
  if (dtype === 'bf16') return (i) => `bitcast<f32>((${name}[(${i}) / 2u] >> (16u * ((${i}) % 2u))) << 16u)`;
  return (i) => `${name}[${i}]`;
}

/** Start of a matrix of a batch in the buffer of an operand. */
function batchStart(view: StridedView, operandShape: readonly number[], batch: readonly number[]): string {
  const strides = view.strides.slice(0, -2);
  const missing = batch.length - strides.length;
  let rest = 'batch';
  const terms = [`${view.offset}u`];
  for (let axis = batch.length - 1; axis >= 0; axis--) {
    const extent = batch[axis]!;
    const own = axis - missing;
    if (own >= 0 && operandShape[own] !== 1 && strides[own] !== 0) terms.push(`((${rest}) % ${extent}u) * ${strides[own]}u`);
    rest = `(${rest}) / ${extent}u`;
  }
  return terms.join(' + ');
}

function starts({ graph, node, a, b }: MatmulCall, out: TensorType): string {
  const batch = out.shape.slice(0, -2);
  const shapeOf = (position: number): readonly number[] => graph.types[node.inputs[position]!]!.shape;
  return `let aStart = ${batchStart(a, shapeOf(0), batch)}; let bStart = ${batchStart(b, shapeOf(1), batch)};`;
}

/** One workgroup of 64 for four columns of all rows: lanes share the inner axis. */
function byRows(call: MatmulCall, out: TensorType, same: boolean): { source: string; grid: [number, number, number] } {
  const { graph, a, b, node } = call;
  const [M, N] = out.shape.slice(-2) as [number, number];
  const K = graph.types[node.inputs[0]!]!.shape.at(-1)!;
  const batches = sizeOf(out.shape.slice(0, -2));
  const columns = 4;
  const perMatrix = Math.ceil(N / columns);
  const readA = reader('a', graph.types[a.leaf]!.dtype);
  const readB = reader(same ? 'a' : 'b', graph.types[b.leaf]!.dtype);
  const [aRow, aInner] = a.strides.slice(-2) as [number, number];
  const [bInner, bColumn] = b.strides.slice(-2) as [number, number];
  const results = M * columns;
  return {
    source: `${header(call, same)}
var<workgroup> part: array<f32, ${64 * results}>;
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let number = ${groupNumber};
  let batch = min(number / ${perMatrix}u, ${batches - 1}u);
  let n = (number % ${perMatrix}u) * ${columns}u;
  ${starts(call, out)}
  var sums: array<f32, ${results}>;
  for (var k = lane; k < ${K}u; k += 64u) {
    ${Array.from({ length: M }, (_, m) => `let x${m} = ${readA(`aStart + ${m * aRow}u + k * ${aInner}u`)};`).join('\n    ')}
    ${Array.from({ length: columns }, (_, c) => {
      const index = `bStart + k * ${bInner}u + min(n + ${c}u, ${N - 1}u) * ${bColumn}u`;
      return `{ let i = ${index}; let w = ${readB('i')}; ${Array.from({ length: M }, (__, m) => `sums[${m * columns + c}] += x${m} * w;`).join(' ')} }`;
    }).join('\n    ')}
  }
  for (var r = 0u; r < ${results}u; r++) { part[r * 64u + lane] = sums[r]; }
  workgroupBarrier();
  for (var half = 32u; half > 0u; half = half / 2u) {
    if (lane < half) { for (var r = 0u; r < ${results}u; r++) { part[r * 64u + lane] += part[r * 64u + lane + half]; } }
    workgroupBarrier();
  }
  if (lane < ${results}u) {
    let m = lane / ${columns}u;
    let column = n + lane % ${columns}u;
    if (column < ${N}u && number < ${perMatrix * batches}u) { o[(batch * ${M}u + m) * ${N}u + column] = part[lane * 64u]; }
  }
}`,
    grid: grid(perMatrix * batches),
  };
}

function byTiles(call: MatmulCall, out: TensorType, same: boolean): { source: string; grid: [number, number, number] } {
  const { graph, a, b, node } = call;
  const [M, N] = out.shape.slice(-2) as [number, number];
  const K = graph.types[node.inputs[0]!]!.shape.at(-1)!;
  const batches = sizeOf(out.shape.slice(0, -2));
  const [across, down] = [Math.ceil(N / tile), Math.ceil(M / tile)];
  const readA = reader('a', graph.types[a.leaf]!.dtype);
  const readB = reader(same ? 'a' : 'b', graph.types[b.leaf]!.dtype);
  const [aRow, aInner] = a.strides.slice(-2) as [number, number];
  const [bInner, bColumn] = b.strides.slice(-2) as [number, number];
  // Neighbouring lanes read neighbouring memory, whichever way an operand lies.
  const spread = (inner: number, other: number, across: string, along: string): string =>
    inner <= other ? `let ${along} = e % ${depth}u; let ${across} = e / ${depth}u;` : `let ${across} = e % ${tile}u; let ${along} = e / ${tile}u;`;
  return {
    source: `${header(call, same)}
var<workgroup> as_: array<f32, ${tile * depth}>;
var<workgroup> bs: array<f32, ${tile * depth}>;
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let number = ${groupNumber};
  let batch = min(number / ${across * down}u, ${batches - 1}u);
  let left = number % ${across * down}u;
  let m0 = (left / ${across}u) * ${tile}u;
  let n0 = (left % ${across}u) * ${tile}u;
  let row = (lane / 16u) * 4u;
  let column = (lane % 16u) * 4u;
  ${starts(call, out)}
  var acc: array<vec4f, 4>;
  for (var k0 = 0u; k0 < ${K}u; k0 += ${depth}u) {
    for (var e = lane; e < ${tile * depth}u; e += 256u) {
      { ${spread(aInner, aRow, 'm', 'k')}
        let inside = m0 + m < ${M}u && k0 + k < ${K}u;
        let i = aStart + min(m0 + m, ${M - 1}u) * ${aRow}u + min(k0 + k, ${Math.max(K, 1) - 1}u) * ${aInner}u;
        as_[k * ${tile}u + m] = select(0.0, ${readA('i')}, inside); }
      { ${spread(bInner, bColumn, 'n', 'k')}
        let inside = n0 + n < ${N}u && k0 + k < ${K}u;
        let i = bStart + min(k0 + k, ${Math.max(K, 1) - 1}u) * ${bInner}u + min(n0 + n, ${N - 1}u) * ${bColumn}u;
        bs[k * ${tile}u + n] = select(0.0, ${readB('i')}, inside); }
    }
    workgroupBarrier();
    for (var k = 0u; k < ${depth}u; k++) {
      let w = vec4f(bs[k * ${tile}u + column], bs[k * ${tile}u + column + 1u], bs[k * ${tile}u + column + 2u], bs[k * ${tile}u + column + 3u]);
      acc[0] += as_[k * ${tile}u + row] * w;
      acc[1] += as_[k * ${tile}u + row + 1u] * w;
      acc[2] += as_[k * ${tile}u + row + 2u] * w;
      acc[3] += as_[k * ${tile}u + row + 3u] * w;
    }
    workgroupBarrier();
  }
  if (number >= ${across * down * batches}u) { return; }
  for (var r = 0u; r < 4u; r++) {
    for (var c = 0u; c < 4u; c++) {
      if (m0 + row + r < ${M}u && n0 + column + c < ${N}u) { o[(batch * ${M}u + m0 + row + r) * ${N}u + n0 + column + c] = acc[r][c]; }
    }
  }
}`,
    grid: grid(across * down * batches),
  };
}
