import type { Graph } from '@tessera/tensor-core';
import { expand } from '@tessera/tensor-core';

/** Replaces every op that `supports` refuses by its definition, also inside the bodies of loops. */
export function expandGraph(graph: Graph, supports: Parameters<typeof expand>[1]): Graph {
  const expanded = expand(graph, supports);
  return {
    ...expanded,
    nodes: expanded.nodes.map((node) =>
      'body' in node.attributes
        ? { ...node, attributes: { ...node.attributes, body: expandGraph(node.attributes.body as Graph, supports) } }
        : node,
    ),
  };
}
