import type { Graph, GraphNode } from '@tessera/tensor-core';
import { isPacked, sizeOf } from '@tessera/tensor-core';
import { inlined, views } from '../codegen/emitter.ts';
import { stridedView } from './strided-view.ts';

/** A graph that is being cut into tasks. */
export interface Cut {
  readonly graph: Graph;
  readonly makers: readonly (GraphNode | undefined)[];
  /** Values that have a buffer; the others are computed where they are read. */
  readonly stored: Set<number>;
}

const prefix = '@tessera/tensor-core:';
const elementwise = new Set(
  ['unary', 'binary', 'compare', 'where', 'cast', 'stop-gradient', 'reshape'].map((name) => prefix + name),
);

/** Sixteen-bit floats are written two at a time, by a task of their own. */
export function writesPacked(graph: Graph, node: GraphNode): boolean {
  const { dtype } = graph.types[node.outputs[0]!]!;
  return isPacked(dtype) && !views.has(node.op.id) && node.op.id !== `${prefix}gather`;
}

/** Stored values below an expression; a stored one is its own. */
export function leavesOf(cut: Cut, value: number): Set<number> {
  return new Set([...valuesBelow(cut, [value])].filter((each) => cut.stored.has(each)));
}

/** Stored values that a node reads, directly or through expressions. */
export function readsOf(cut: Cut, { inputs }: GraphNode): Set<number> {
  return new Set(inputs.flatMap((input) => [...leavesOf(cut, input)]));
}

/** The nodes that read each value. */
export function readersOf({ types, nodes }: Graph): readonly (readonly GraphNode[])[] {
  const readers = types.map((): GraphNode[] => []);
  for (const node of nodes) for (const input of new Set(node.inputs)) readers[input]!.push(node);
  return readers;
}

/** Values of expressions down to those that are stored. */
function valuesBelow({ makers, stored }: Cut, values: readonly number[]): Set<number> {
  const found = new Set<number>();
  const visit = (value: number): void => {
    if (found.has(value)) return;
    found.add(value);
    if (!stored.has(value)) makers[value]?.inputs.forEach(visit);
  };
  values.forEach(visit);
  return found;
}

/**
 * Takes the buffer from values that several nodes read where all of those lead to one stored value, element by element: it is computed once
 * there, and no dispatch waits for it.
 * @param most - buffers that an expression may read, and its length
 */
export function keepInside(cut: Cut, most: { readonly reads: number; readonly work: number }): void {
  const { graph, makers, stored } = cut;
  const endOf = endsOf(cut);
  for (const node of graph.nodes) {
    const [value] = node.outputs as [number];
    if (!stored.has(value) || !inlined.has(node.op.id) || writesPacked(graph, node)) continue;
    const end = endOf(value);
    if (end === undefined) continue;
    stored.delete(value);
    const all = [...valuesBelow(cut, makers[end]!.inputs)];
    const reads = all.filter((each) => stored.has(each)).length;
    if (reads > most.reads || all.length - reads > most.work) stored.add(value);
  }
}

/** Finds the one stored value to which all that read a value lead, element by element; undefined: there are others, or it is an output. */
function endsOf({ graph, stored }: Cut): (value: number) => number | undefined {
  const readers = readersOf(graph);
  const outputs = new Set(graph.outputs);
  const size = (value: number): number => sizeOf(graph.types[value]!.shape);
  return (value) => {
    const [seen, ends] = [new Set<number>(), new Set<number>()];
    const leads = (from: number): boolean => {
      if (seen.has(from)) return true;
      seen.add(from);
      return (
        !outputs.has(from) &&
        readers[from]!.every((reader) => {
          const [next] = reader.outputs as [number];
          if (!elementwise.has(reader.op.id) || writesPacked(graph, reader) || size(next) !== size(from)) return false;
          if (!stored.has(next)) return leads(next);
          ends.add(next);
          return true;
        })
      );
    };
    return leads(value) && ends.size === 1 ? [...ends][0] : undefined;
  };
}

const mostProducts = 2;

/**
 * Lets a product of matrices end in the expression that alone reads it, if that goes element by element: bias, activation,
 * residual. The product then has no buffer; the expression's value is written by the product's shader. Products that lie
 * alike and multiply the same rows may end in one expression: a gate and what it gates.
 * @returns the products of each value so written
 */
export function productsOfEnds(cut: Cut): Map<number, GraphNode[]> {
  const { graph, stored } = cut;
  const endOf = endsOf(cut);
  const products = new Map<number, GraphNode[]>();
  for (const product of graph.nodes) {
    if (product.op.id !== `${prefix}matmul`) continue;
    const [result] = product.outputs as [number];
    const end = endOf(result);
    if (end === undefined) continue;
    const others = products.get(end);
    const joins =
      others === undefined || (others.length < mostProducts && others.every((other) => alike(cut, other, product)));
    if (!joins) continue;
    stored.delete(result);
    products.set(end, [...(others ?? []), product]);
  }
  return products;
}

/** Whether two products have one left operand and right operands that lie alike. */
function alike({ graph, makers, stored }: Cut, one: GraphNode, other: GraphNode): boolean {
  if (one.inputs[0] !== other.inputs[0]) return false;
  const [a, b] = [one, other].map(({ inputs }) => {
    const type = graph.types[inputs[1]!]!;
    const view = stridedView(graph, makers, stored, inputs[1]!);
    return view && JSON.stringify([type, view.strides, view.offset, graph.types[view.leaf]!.dtype]);
  });
  return a !== undefined && a === b;
}
