import { bytesPerElement } from './dtype.ts';
import type { Graph, GraphNode } from './graph.ts';
import type { Cost, TensorType } from './op.ts';
import { scanOp } from './primitives/scan.ts';
import type { ScanAttributes } from './primitives/scan.ts';
import { sizeOf } from './shape.ts';

const bytesOf = (types: readonly TensorType[]): number =>
  types.reduce((total, type) => total + sizeOf(type.shape) * bytesPerElement(type.dtype), 0);

/** Compulsory work of one op of a graph. */
export function costOf(node: GraphNode, types: readonly TensorType[]): Cost {
  const inputs = [...new Set(node.inputs)].map((index) => types[index]!);
  const outputs = node.outputs.map((index) => types[index]!);
  if (node.op.id === scanOp.id) {
    const { body, length } = node.attributes as ScanAttributes;
    return { bytes: bytesOf([...inputs, ...outputs]), flops: graphCost(body).flops * length };
  }
  return (
    node.op.cost?.(
      node.inputs.map((index) => types[index]!),
      outputs,
      node.attributes,
    ) ?? {
      bytes: bytesOf([...inputs, ...outputs]),
      flops: outputs.reduce((total, type) => total + sizeOf(type.shape), 0),
    }
  );
}

/** Compulsory work of a graph: inputs, constants and outputs once in bytes, the sum over its ops in flops. */
export function graphCost(graph: Graph): Cost {
  const outside = [
    ...graph.types.slice(0, graph.inputs + graph.constants.length),
    ...graph.outputs.map((index) => graph.types[index]!),
  ];
  return {
    bytes: bytesOf(outside),
    flops: graph.nodes.reduce((total, node) => total + costOf(node, graph.types).flops, 0),
  };
}
