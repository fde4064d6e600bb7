import type { GpuCapabilities, Graph, GraphNode, KernelCall, TensorType, WebGpuKernel } from '@tessera/tensor-core';
import { isPacked, sizeOf } from '@tessera/tensor-core';
import { inlined, views } from '../codegen/emitter.ts';
import { literalOf, makersOf } from '../codegen/region.ts';
import { stridedView } from './strided-view.ts';

/** One unit of work: it makes the stored values of one node, or of the expression that ends in it. */
export interface Task {
  readonly node: GraphNode;
  /** Products of matrices of one left operand from which the expression of `node` goes on, element by element. */
  readonly products?: readonly GraphNode[];
  /** Stored values that it reads, directly or through expressions. */
  readonly reads: readonly number[];
  readonly writes: readonly number[];
}

/** A graph cut into tasks. */
export interface TaskPlan {
  readonly tasks: readonly Task[];
  /** Values that have a buffer: inputs, constants that are no scalars, and what tasks make. */
  readonly stored: ReadonlySet<number>;
}

const prefix = '@tessera/tensor-core:';
/** An expression that reads more buffers, or is longer, becomes a task of its own: devices bind few buffers, and compile slowly. */
const mostReads = 6;
const longest = 48;

/** True for a value that is only read once in an expression of little work. */
interface Expression {
  readonly work: number;
  readonly reads: ReadonlySet<number>;
  /** True when what it reads is found by what it reads. */
  readonly gathers: boolean;
}

/** Computing it again costs less than a dispatch: nothing, or few whole numbers that say where something goes. */
function isCheap(graph: Graph, value: number, { work, reads, gathers }: Expression): boolean {
  if (work <= 1) return true;
  const { dtype, shape } = graph.types[value]!;
  const counting = dtype === 'i32' || dtype === 'u32' || dtype === 'bool';
  return counting && !gathers && work <= 16 && reads.size <= 3 && sizeOf(shape) <= 256;
}

/** Decides which values get a buffer. The others are computed where they are read. */
export function planTasks(graph: Graph, kernelOf: (node: GraphNode) => WebGpuKernel<object> | undefined): TaskPlan {
  const makers = makersOf(graph);
  const readers = countReaders(graph);
  const stored = new Set<number>();
  for (let value = 0; value < graph.inputs + graph.constants.length; value++)
    if (literalOf(graph, value) === undefined) stored.add(value);
  const outputs = new Set(graph.outputs);
  const expressions = new Map<number, Expression>();
  const expressionOf = (value: number): Expression =>
    stored.has(value)
      ? { work: 0, reads: new Set([value]), gathers: false }
      : (expressions.get(value) ?? { work: 0, reads: new Set(), gathers: false });
  const store = (value: number): void => {
    if (literalOf(graph, value) === undefined) stored.add(value);
  };

  for (const node of graph.nodes) {
    if (!inlined.has(node.op.id) || writesPacked(graph, node)) {
      for (const value of node.outputs) stored.add(value);
      if (readsBuffers(node, kernelOf))
        for (const input of node.inputs)
          if (!(node.op.id === `${prefix}matmul` && stridedView(graph, makers, stored, input))) store(input);
      continue;
    }
    // What is read many times over is computed once.
    node.inputs.forEach((input, position) => {
      const { work } = expressionOf(input);
      const times = timesRead(graph, node, position);
      if (work > 1 && times > 1) store(input);
    });
    const parts = node.inputs.map(expressionOf);
    const reads = new Set(parts.flatMap((part) => [...part.reads]));
    const work = parts.reduce((total, part) => total + part.work, views.has(node.op.id) ? 0 : 1);
    const [value] = node.outputs as [number];
    if (reads.size > mostReads || work > longest)
      for (const input of node.inputs) if (expressionOf(input).work > 0) store(input);
    const rest = node.inputs.map(expressionOf);
    expressions.set(value, {
      work: rest.reduce((total, part) => total + part.work, views.has(node.op.id) ? 0 : 1),
      reads: new Set(rest.flatMap((part) => [...part.reads])),
      gathers: node.op.id === `${prefix}gather` || rest.some(({ gathers }) => gathers),
    });
    if (outputs.has(value) || (readers[value]! > 1 && !isCheap(graph, value, expressions.get(value)!)))
      stored.add(value);
  }
  for (const node of graph.nodes) if (node.op.id === `${prefix}scatter`) keepUpdatesApart(graph, makers, stored, node);
  const products = fuseEpilogues(graph, makers, stored);
  return { tasks: tasksOf(graph, makers, stored, products), stored };
}

const elementwise = new Set(
  ['unary', 'binary', 'compare', 'where', 'cast', 'stop-gradient', 'reshape'].map((name) => prefix + name),
);

/**
 * Lets a product of matrices end in the expression that alone reads it, if that goes element by element: bias, activation,
 * residual. The product then has no buffer; the expression's value is written by the product's shader. Products that lie
 * alike and multiply the same rows may end in one expression: a gate and what it gates.
 * @returns the products of each value so written
 */
function fuseEpilogues(
  graph: Graph,
  makers: readonly (GraphNode | undefined)[],
  stored: Set<number>,
): Map<number, GraphNode[]> {
  const readersOf = new Map<number, GraphNode[]>();
  for (const node of graph.nodes)
    for (const input of new Set(node.inputs)) readersOf.set(input, [...(readersOf.get(input) ?? []), node]);
  const products = new Map<number, GraphNode[]>();
  const size = (value: number): number => sizeOf(graph.types[value]!.shape);
  /** Adds the stored values to which expressions of a value lead; false when one is of another kind. */
  const leadsTo = (value: number, ends: Set<number>): boolean =>
    !graph.outputs.includes(value) &&
    (readersOf.get(value) ?? []).every((reader) => {
      const [next] = reader.outputs as [number];
      if (!elementwise.has(reader.op.id) || writesPacked(graph, reader) || size(next) !== size(value)) return false;
      if (!stored.has(next)) return leadsTo(next, ends);
      ends.add(next);
      return true;
    });
  for (const product of graph.nodes) {
    if (product.op.id !== `${prefix}matmul`) continue;
    const [result] = product.outputs as [number];
    const ends = new Set<number>();
    if (!leadsTo(result, ends) || ends.size !== 1) continue;
    const [end] = [...ends] as [number];
    const others = products.get(end);
    const joins =
      others === undefined ||
      (others.length < mostProducts && others.every((other) => alike(graph, makers, stored, other, product)));
    if (!joins) continue;
    stored.delete(result);
    products.set(end, [...(others ?? []), product]);
  }
  return products;
}

const mostProducts = 2;

/** Whether two products have one left operand and right operands that lie alike. */
function alike(
  graph: Graph,
  makers: readonly (GraphNode | undefined)[],
  stored: ReadonlySet<number>,
  one: GraphNode,
  other: GraphNode,
): boolean {
  if (one.inputs[0] !== other.inputs[0]) return false;
  const [a, b] = [one, other].map(({ inputs }) => {
    const type = graph.types[inputs[1]!]!;
    const view = stridedView(graph, makers, stored, inputs[1]!);
    return view && JSON.stringify([type, view.strides, view.offset, graph.types[view.leaf]!.dtype]);
  });
  return a !== undefined && a === b;
}

function tasksOf(
  graph: Graph,
  makers: readonly (GraphNode | undefined)[],
  stored: ReadonlySet<number>,
  products: ReadonlyMap<number, readonly GraphNode[]>,
): Task[] {
  return graph.nodes.flatMap((node) => {
    const writes = node.outputs.filter((value) => stored.has(value));
    if (writes.length === 0) return [];
    const ending = products.get(writes[0]!);
    return [
      {
        node,
        ...(ending && { products: ending }),
        reads: [...new Set(node.inputs.flatMap((input) => [...leavesOf(makers, stored, input)]))],
        writes,
      },
    ];
  });
}

/** Stored values below an expression. */
function leavesOf(
  makers: readonly (GraphNode | undefined)[],
  stored: ReadonlySet<number>,
  value: number,
  found: Set<number> = new Set(),
): Set<number> {
  if (stored.has(value)) found.add(value);
  else for (const input of makers[value]?.inputs ?? []) leavesOf(makers, stored, input, found);
  return found;
}

/** Rows written over a buffer must not be computed from that buffer in the same task. */
function keepUpdatesApart(
  graph: Graph,
  makers: readonly (GraphNode | undefined)[],
  stored: Set<number>,
  { inputs }: GraphNode,
): void {
  const [base, index, updates] = inputs as [number, number, number];
  for (const value of [index, updates])
    if (!stored.has(value) && literalOf(graph, value) === undefined && leavesOf(makers, stored, value).has(base))
      stored.add(value);
}

function countReaders(graph: Graph): number[] {
  const readers = new Array<number>(graph.types.length).fill(0);
  for (const node of graph.nodes) for (const input of node.inputs) readers[input]!++;
  return readers;
}

/** How often an element of an input is read for all elements of the output. */
function timesRead(graph: Graph, node: GraphNode, position: number): number {
  const size = (value: number): number => sizeOf(graph.types[value]!.shape);
  const input = size(node.inputs[position]!);
  // A joined element comes from one of the pieces.
  if (node.op.id === `${prefix}concat` || (node.op.id === `${prefix}gather` && position === 0)) return 1;
  return input === 0 ? 1 : size(node.outputs[0]!) / input;
}

/** Sixteen-bit floats are written two at a time, by a task of their own. */
function writesPacked(graph: Graph, node: GraphNode): boolean {
  const { dtype } = graph.types[node.outputs[0]!]!;
  return isPacked(dtype) && !views.has(node.op.id) && node.op.id !== `${prefix}gather`;
}

/** True for tasks that read whole buffers rather than expressions. */
function readsBuffers(node: GraphNode, kernelOf: (node: GraphNode) => WebGpuKernel<object> | undefined): boolean {
  return node.op.id === `${prefix}matmul` || node.op.id === `${prefix}scan` || kernelOf(node) !== undefined;
}

/** The types of a node, as kernels are given them. */
export function kernelCall(node: GraphNode, { types }: Pick<Graph, 'types'>): KernelCall<object> {
  const typesOf = (values: readonly number[]): TensorType[] => values.map((value) => types[value]!);
  return { inputs: typesOf(node.inputs), outputs: typesOf(node.outputs), attributes: node.attributes };
}

/** The kernel that a package brings for a node, if the device can run it. */
export function webgpuKernel(
  node: GraphNode,
  graph: Pick<Graph, 'types'>,
  capabilities: GpuCapabilities,
): WebGpuKernel<object> | undefined {
  const call = kernelCall(node, graph);
  return node.op.kernels?.find(
    (kernel): kernel is WebGpuKernel<object> =>
      kernel.backend === 'webgpu' && (kernel.when?.(capabilities, call) ?? true),
  );
}
