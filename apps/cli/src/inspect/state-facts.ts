import type { LanguageModelGraph } from '@tessera/assembler';
import { estimateMemory } from '@tessera/assembler';
import type { Memory } from '@tessera/plugin';

/** How much a model remembers of a sequence. */
export interface StateFacts {
  readonly growth: Memory['growth'];
  /** What another position costs when there are already `contextLength`. */
  readonly bytesPerToken: number;
  readonly bytes: number;
  readonly contextLength: number;
}

/** The state of one sequence of `contextLength` positions; undefined when the model does not generate. */
export function stateFacts(graph: LanguageModelGraph, contextLength: number): StateFacts | undefined {
  const { dModel, layers } = graph.resolved.spec;
  const { stateBytes: bytes } = estimateMemory(graph, 'fp32', contextLength);
  const { stateBytes: twice } = estimateMemory(graph, 'fp32', 2 * contextLength);
  const { decoding } = graph.stack;
  if (!decoding || bytes === undefined || twice === undefined) return undefined;
  const site = { batch: 1, capacity: contextLength, chunk: 1, config: {}, dModel, layer: 0, layers: layers.length };
  return { growth: decoding.memory(site).growth, bytesPerToken: (twice - bytes) / contextLength, bytes, contextLength };
}

/** How the states of these layers grow, each way once; none for layers that do not generate. */
export function growthsOf(
  graph: LanguageModelGraph,
  indices: readonly number[],
  contextLength: number,
): Memory['growth'][] {
  const { layers, spec } = graph.resolved;
  const size = { batch: 1, capacity: contextLength, chunk: 1, dModel: spec.dModel, layers: layers.length };
  const growths = indices.flatMap((layer) => {
    const { part, config } = layers[layer]!.mixer!;
    return part.decoding ? [part.decoding.memory({ ...size, config, layer }).growth] : [];
  });
  return [...new Set(growths)];
}
