import type { GpuCapabilities, GraphNode } from '@tessera/tensor-core';
import { isPacked, sizeOf } from '@tessera/tensor-core';
import { Emitter, stored } from '../codegen/emitter.ts';
import { library } from '../codegen/functions.ts';
import { asExpression, packedElement, storedAs } from '../codegen/region.ts';
import type { Region } from '../codegen/region.ts';
import type { Dispatch } from '../compile/dispatch.ts';
import type { StridedView } from '../compile/tasks.ts';
import { rowsShader } from './matmul-rows.ts';
import { tilesShader } from './matmul-tiles.ts';

/** What a product of matrices reads and writes. */
export interface MatmulCall {
  readonly region: Region;
  readonly node: GraphNode;
  readonly a: StridedView;
  readonly b: StridedView;
  /** The product itself, or the value of an expression that goes on from it element by element. */
  readonly target: number;
  readonly capabilities: GpuCapabilities;
}

/** A product with its sizes, and the code that is the same for every way to compute it. */
export interface MatmulPlan {
  readonly M: number;
  readonly N: number;
  readonly K: number;
  readonly batches: number;
  readonly a: Operand;
  readonly b: Operand;
  /** WGSL of the first elements of both matrices, `aStart` and `bStart`, from `batch`. */
  readonly starts: string;
  /** WGSL that writes element `at` (u32) from a product `acc` (f32). */
  write(at: string, acc: string): string;
  /** Bindings and functions around a body; operands are bound as arrays of the given WGSL types. */
  frame(types: { readonly a: string; readonly b: string }, enables: string, body: string): string;
  readonly capabilities: GpuCapabilities;
}

/** One operand. Strides in elements. */
export interface Operand {
  readonly name: 'a' | 'b';
  readonly dtype: 'f32' | 'f16' | 'bf16';
  readonly row: number;
  readonly column: number;
  readonly offset: number;
  /** Strides of the leading axes are all multiples of this power of two. */
  readonly batchAlignment: number;
  /** Element at an index (WGSL). */
  read(index: string): string;
}

const fewRows = 4;

/** The shader of a product: by rows for few of them, else by tiles through workgroup memory. */
export function matmulDispatch(call: MatmulCall): Dispatch {
  const { region, node, a, b, target, capabilities } = call;
  const types = node.inputs.map((value) => region.types[value]!);
  const out = region.types[node.outputs[0]!]!.shape;
  const batch = out.slice(0, -2);
  const [M, N] = out.slice(-2) as [number, number];
  // The target is its own expression here, not a buffer to read.
  const emitter = new Emitter(asExpression(region, target), new Map([[node.outputs[0]!, 'acc']]), 'e');
  const { shape, dtype } = region.types[target]!;
  const epilogue = target === node.outputs[0]! ? 'acc' : emitter.element(target, emitter.coordinates('at', shape));
  const writing = `${emitter.take()} o[at] = ${stored(epilogue, dtype)};`;
  const extra = emitter.reads;
  const plan: MatmulPlan = {
    M,
    N,
    K: types[0]!.shape.at(-1)!,
    batches: sizeOf(batch),
    a: operand('a', region, a),
    b: operand('b', region, b),
    starts: `let aStart = ${batchStart(a, types[0]!.shape, batch)}; let bStart = ${batchStart(b, types[1]!.shape, batch)};`,
    write: (at, acc) => `{ let at = ${at}; let acc = ${acc}; ${writing} }`,
    frame: (operands, enables, body) =>
      [
        enables,
        `@group(0) @binding(0) var<storage, read> a: array<${operands.a}>;`,
        `@group(0) @binding(1) var<storage, read> b: array<${operands.b}>;`,
        ...extra.map(
          (value, i) =>
            `@group(0) @binding(${2 + i}) var<storage, read> e${i}: array<${storedAs(region.types[value]!.dtype)}>;`,
        ),
        `@group(0) @binding(${2 + extra.length}) var<storage, read_write> o: array<${storedAs(dtype)}>;`,
        ...Object.entries(library).flatMap(([name, code]) => (writing.includes(`${name}(`) ? [code] : [])),
        body,
      ].join('\n'),
    capabilities,
  };
  const made = M <= fewRows ? rowsShader(plan) : tilesShader(plan);
  return {
    label: `matmul ${M}×${plan.K}×${N} (${made.name})`,
    source: made.source,
    grid: made.grid,
    bindings: [a.leaf, b.leaf, ...extra]
      .map((value) => ({ value, write: false }))
      .concat([{ value: target, write: true }]),
  };
}

function operand(name: 'a' | 'b', region: Region, { leaf, strides, offset }: StridedView): Operand {
  const dtype = region.types[leaf]!.dtype as Operand['dtype'];
  const [row, column] = strides.slice(-2) as [number, number];
  return {
    name,
    dtype,
    row,
    column,
    offset,
    batchAlignment: Math.min(...strides.slice(0, -2).map((stride) => (stride === 0 ? 64 : stride & -stride)), 64),
    read: isPacked(dtype) ? (i) => packedElement(dtype as 'f16' | 'bf16', name, i) : (i) => `${name}[${i}]`,
  };
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
    if (own >= 0 && operandShape[own] !== 1 && strides[own] !== 0)
      terms.push(`((${rest}) % ${extent}u) * ${strides[own]}u`);
    rest = `(${rest}) / ${extent}u`;
  }
  return terms.join(' + ');
}
