import type { GraphNode, RowFactors, WebGpuKernel } from '@tessera/tensor-core';
import { views } from '../codegen/emitter.ts';
import { fewRows } from '../kernels/matmul.ts';
import type { Cut } from './expressions.ts';
import { readersOf, readsOf } from './expressions.ts';
import { stridedView } from './strided-view.ts';

const matmul = '@tessera/tensor-core:matmul';

/** A norm that products compute. */
export interface NormOfProducts {
  /** The rows before it. */
  readonly rows: number;
  /** Its parameters. */
  readonly values: readonly number[];
  readonly factors: RowFactors;
}

/**
 * Takes the buffer from norms that are read by products of few rows alone: those read the rows anyway, and sum their squares along the way.
 * @param endOf - what a product is written as
 * @returns the norm of each value that has no buffer any more
 */
export function normsOfProducts(
  cut: Cut,
  endOf: (product: GraphNode) => number,
  kernelOf: (node: GraphNode) => WebGpuKernel<object> | undefined,
  mostBuffers: number,
): Map<number, NormOfProducts> {
  const { graph, makers, stored } = cut;
  const readers = readersOf(graph);
  const outputs = new Set(graph.outputs);

  /** The products that read the rows of a norm, as it is or through views; undefined: something else reads it, too. */
  const productsOf = (value: number): readonly GraphNode[] | undefined => {
    if (outputs.has(value)) return undefined;
    const found: GraphNode[] = [];
    for (const reader of readers[value]!) {
      const [result] = reader.outputs as [number];
      const more = views.has(reader.op.id) && !stored.has(result) ? productsOf(result) : undefined;
      if (more) found.push(...more);
      else if (reader.op.id === matmul && reader.inputs[1] !== value) found.push(reader);
      else return undefined;
    }
    return found;
  };
  /** Whether a product reads whole rows of a norm, and few of them. */
  const readsRows = ({ inputs: [left] }: GraphNode, norm: number): boolean => {
    const width = graph.types[norm]!.shape.at(-1)!;
    const [M, K] = graph.types[left!]!.shape.slice(-2) as [number, number];
    const view = stridedView(graph, makers, stored, left!);
    if (!view || view.leaf !== norm || M > fewRows || K !== width) return false;
    return view.strides.at(-1) === 1 && [view.offset, ...view.strides.slice(0, -1)].every((step) => step % width === 0);
  };
  const norms = new Map<number, NormOfProducts>();
  for (const node of graph.nodes) {
    const kernel = kernelOf(node);
    const factors = kernel && 'rowFactors' in kernel ? kernel.rowFactors?.(node.attributes) : undefined;
    if (!factors || node.inputs.some((input) => !stored.has(input))) continue;
    const [value] = node.outputs as [number];
    const products = productsOf(value);
    if (!products?.length || !products.every((product) => readsRows(product, value))) continue;
    stored.delete(value);
    // Beside what is read: the rows once more, by what goes on from the product, and what is written.
    const buffers = (product: GraphNode): number => readsOf(cut, makers[endOf(product)]!).size + 2;
    const [rows, ...values] = node.inputs as [number, ...number[]];
    if (products.some((product) => buffers(product) > mostBuffers)) stored.add(value);
    else norms.set(value, { rows, values, factors });
  }
  return norms;
}
