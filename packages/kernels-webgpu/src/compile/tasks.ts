import type { GpuCapabilities, Graph, GraphNode, KernelCall, TensorType, WebGpuKernel } from '@tessera/tensor-core';
import { isPacked, sizeOf } from '@tessera/tensor-core';
import { inlined, views } from '../codegen/emitter.ts';
import { literalOf, makersOf } from '../codegen/region.ts';

/** One unit of work: it makes the stored values of one node, or of the expression that ends in it. */
export interface Task {
  readonly node: GraphNode;
  /** The product of matrices whose result the expression of `node` goes on from, element by element. */
  readonly product?: GraphNode;
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
          if (!(node.op.id === `${prefix}matmul` && isStridedView(graph, makers, stored, input))) store(input);
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
    });
    if (outputs.has(value) || (readers[value]! > 1 && expressions.get(value)!.work > 1)) stored.add(value);
  }
  for (const node of graph.nodes) if (node.op.id === `${prefix}scatter`) keepUpdatesApart(graph, makers, stored, node);
  const products = fuseEpilogues(graph, stored, readers);
  return { tasks: tasksOf(graph, makers, stored, products), stored };
}

const elementwise = new Set(
  ['unary', 'binary', 'compare', 'where', 'cast', 'stop-gradient', 'reshape'].map((name) => prefix + name),
);

/**
 * Lets a product of matrices end in the expression that alone reads it, if that goes element by element: bias, activation,
 * residual. The product then has no buffer; the expression's value is written by the product's shader.
 * @returns the product of each value so written
 */
function fuseEpilogues(graph: Graph, stored: Set<number>, readers: readonly number[]): Map<number, GraphNode> {
  const readerOf = new Map<number, GraphNode>();
  for (const node of graph.nodes) for (const input of node.inputs) readerOf.set(input, node);
  const products = new Map<number, GraphNode>();
  const size = (value: number): number => sizeOf(graph.types[value]!.shape);
  for (const product of graph.nodes) {
    if (product.op.id !== `${prefix}matmul`) continue;
    const [result] = product.outputs as [number];
    let value = result;
    while ((value === result || !stored.has(value)) && readers[value] === 1 && !graph.outputs.includes(value)) {
      const reader = readerOf.get(value)!;
      if (!elementwise.has(reader.op.id) || writesPacked(graph, reader) || size(reader.outputs[0]!) !== size(result))
        break;
      value = reader.outputs[0]!;
    }
    if (value === result || !stored.has(value) || products.has(value)) continue;
    stored.delete(result);
    products.set(value, product);
  }
  return products;
}

function tasksOf(
  graph: Graph,
  makers: readonly (GraphNode | undefined)[],
  stored: ReadonlySet<number>,
  products: ReadonlyMap<number, GraphNode>,
): Task[] {
  return graph.nodes.flatMap((node) => {
    const writes = node.outputs.filter((value) => stored.has(value));
    if (writes.length === 0) return [];
    const product = products.get(writes[0]!);
    return [
      {
        node,
        ...(product && { product }),
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
  if (node.op.id === `${prefix}gather` && position === 0) return 1;
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

/** Where the elements of a value lie in the buffer of another. */
export interface StridedView {
  readonly leaf: number;
  readonly strides: readonly number[];
  readonly offset: number;
}

/** A value as a strided view of a stored one, if it is no more than that. */
export function stridedView(
  graph: Graph,
  makers: readonly (GraphNode | undefined)[],
  stored: ReadonlySet<number>,
  value: number,
): StridedView | undefined {
  const { shape } = graph.types[value]!;
  if (stored.has(value)) {
    let stride = 1;
    const strides = shape.map(() => 0);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      strides[axis] = stride;
      stride *= shape[axis]!;
    }
    return { leaf: value, strides, offset: 0 };
  }
  const node = makers[value];
  if (!node || !views.has(node.op.id)) return undefined;
  const [input] = node.inputs as [number];
  const inner = stridedView(graph, makers, stored, input);
  if (!inner) return undefined;
  const from = graph.types[input]!.shape;
  switch (node.op.id.slice(prefix.length)) {
    case 'stop-gradient':
      return inner;
    case 'permute':
      return {
        ...inner,
        strides: (node.attributes as { axes: readonly number[] }).axes.map((axis) => inner.strides[axis]!),
      };
    case 'broadcast': {
      const missing = shape.length - from.length;
      return {
        ...inner,
        strides: shape.map((_, axis) =>
          axis < missing || from[axis - missing] === 1 ? 0 : inner.strides[axis - missing]!,
        ),
      };
    }
    case 'slice': {
      const { starts, steps } = node.attributes as { starts: readonly number[]; steps: readonly number[] };
      const strides = inner.strides.map((stride, axis) => stride * steps[axis]!);
      const offset = inner.offset + starts.reduce((total, start, axis) => total + start * inner.strides[axis]!, 0);
      return strides.some((stride) => stride < 0) ? undefined : { leaf: inner.leaf, strides, offset };
    }
    default:
      return reshapedView(inner, from, shape);
  }
}

function isStridedView(
  graph: Graph,
  makers: readonly (GraphNode | undefined)[],
  stored: ReadonlySet<number>,
  value: number,
): boolean {
  return stridedView(graph, makers, stored, value) !== undefined;
}

/** The same elements under another shape, where strides can say it: axes are split, or merged where they lie evenly. */
function reshapedView(inner: StridedView, from: readonly number[], to: readonly number[]): StridedView | undefined {
  const strides: number[] = new Array<number>(to.length).fill(0);
  let i = 0;
  let j = 0;
  while (i < from.length || j < to.length) {
    let [a, b] = [from[i] ?? 1, to[j] ?? 1];
    const [startI, startJ] = [i, j];
    i++;
    j++;
    while (a !== b) {
      if (a < b) a *= from[i++] ?? 0;
      else b *= to[j++] ?? 0;
      if (a === 0 || b === 0) return undefined;
    }
    const axes = from
      .slice(startI, i)
      .map((extent, k) => ({ extent, stride: inner.strides[startI + k]! }))
      .filter(({ extent }) => extent !== 1);
    for (let k = 0; k + 1 < axes.length; k++)
      if (axes[k]!.stride !== axes[k + 1]!.stride * axes[k + 1]!.extent) return undefined;
    let stride = axes.at(-1)?.stride ?? 0;
    for (let k = j - 1; k >= startJ; k--) {
      strides[k] = stride;
      stride *= to[k] ?? 1;
    }
  }
  return { ...inner, strides };
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
