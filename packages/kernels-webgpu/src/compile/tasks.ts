import type { GpuCapabilities, Graph, GraphNode, KernelCall, TensorType, WebGpuKernel } from '@tessera/tensor-core';
import { gpuLimit, sizeOf } from '@tessera/tensor-core';
import { inlined, views } from '../codegen/emitter.ts';
import { literalOf, makersOf } from '../codegen/region.ts';
import { keepInside, leavesOf, productsOfEnds, readsOf, writesPacked } from './expressions.ts';
import type { Cut } from './expressions.ts';
import { normsOfProducts } from './norms-of-products.ts';
import type { NormOfProducts } from './norms-of-products.ts';
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
  /** Norms, by their values, that the products which read them compute: of them only those have no buffer. */
  readonly norms: ReadonlyMap<number, NormOfProducts>;
}

const prefix = '@tessera/tensor-core:';
/** An expression that reads more buffers, or is longer, becomes a task of its own: devices bind few buffers, and compile slowly. */
const mostReads = 6;
const longest = 48;
/** Elements that are computed again rather than waited for. */
const few = 256;

/** What computing a value takes down to what is stored: nodes, and the buffers that they read. */
interface Expression {
  readonly work: number;
  readonly reads: ReadonlySet<number>;
}

/** Few elements of little work: computing them again costs less than a dispatch. */
function isCheap(graph: Graph, value: number, { work, reads }: Expression): boolean {
  return work <= 1 || (work <= 16 && reads.size <= 3 && sizeOf(graph.types[value]!.shape) <= few);
}

/** Decides which values get a buffer. The others are computed where they are read. */
export function planTasks(graph: Graph, capabilities: GpuCapabilities): TaskPlan {
  const kernelOf = (node: GraphNode): WebGpuKernel<object> | undefined => webgpuKernel(node, graph, capabilities);
  const makers = makersOf(graph);
  const readers = countReaders(graph);
  const stored = new Set<number>();
  for (let value = 0; value < graph.inputs + graph.constants.length; value++)
    if (literalOf(graph, value) === undefined) stored.add(value);
  const outputs = new Set(graph.outputs);
  const expressions = new Map<number, Expression>();
  const expressionOf = (value: number): Expression =>
    stored.has(value)
      ? { work: 0, reads: new Set([value]) }
      : (expressions.get(value) ?? { work: 0, reads: new Set() });
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
      const expression = expressionOf(input);
      const again = sizeOf(graph.types[node.outputs[0]!]!.shape) <= few && isCheap(graph, input, expression);
      if (expression.work > 1 && timesRead(graph, node, position) > 1 && !again) store(input);
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
    });
    if (outputs.has(value) || (readers[value]! > 1 && !isCheap(graph, value, expressions.get(value)!)))
      stored.add(value);
  }
  const cut = { graph, makers, stored };
  keepInside(cut, { reads: mostReads, work: longest });
  for (const node of graph.nodes) if (node.op.id === `${prefix}scatter`) keepUpdatesApart(cut, node);
  const products = productsOfEnds(cut);
  const ends = new Map([...products].flatMap(([end, nodes]) => nodes.map((node) => [node, end])));
  const norms = normsOfProducts(
    cut,
    (product) => ends.get(product) ?? product.outputs[0]!,
    kernelOf,
    gpuLimit(capabilities, 'maxStorageBuffersPerShaderStage'),
  );
  return { tasks: tasksOf(cut, products), stored, norms };
}

function tasksOf(cut: Cut, products: ReadonlyMap<number, readonly GraphNode[]>): Task[] {
  const { graph, stored } = cut;
  return graph.nodes.flatMap((node) => {
    const writes = node.outputs.filter((value) => stored.has(value));
    if (writes.length === 0) return [];
    const ending = products.get(writes[0]!);
    return [
      {
        node,
        ...(ending && { products: ending }),
        reads: [...readsOf(cut, node)],
        writes,
      },
    ];
  });
}

/** Rows written over a buffer must not be computed from that buffer in the same task. */
function keepUpdatesApart(cut: Cut, { inputs }: GraphNode): void {
  const { graph, stored } = cut;
  const [base, index, updates] = inputs as [number, number, number];
  for (const value of [index, updates])
    if (!stored.has(value) && literalOf(graph, value) === undefined && leavesOf(cut, value).has(base))
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
