import type { Graph } from '@tessera/tensor-core';
import type { CompiledGraph } from '../compile/compile-graph.ts';
import { bufferBytes } from '../compile/slot.ts';
import type { Slot } from '../compile/slot.ts';

/**
 * Pairs outputs that need a buffer of their own with donated inputs of the same size that no output takes over: the buffer of
 * such an input serves the output of the next run. From the end: a step gives its state last, in the order in which it takes
 * it, and each leaf should alternate with itself.
 */
export function donatedPartners(
  compiled: CompiledGraph,
  graph: Graph,
  donated: ReadonlySet<number>,
): Map<Slot, number> {
  const taken = new Set(compiled.outputs.flatMap(({ role }) => (role.kind === 'input' ? [role.index] : [])));
  const free = [...donated].filter((index) => !taken.has(index));
  const partners = new Map<Slot, number>();
  for (const slot of compiled.outputs.toReversed()) {
    if (slot.role.kind !== 'temporary' || partners.has(slot)) continue;
    const at = free.findLastIndex((index) => bufferBytes(graph.types[index]!) === slot.bytes);
    if (at >= 0) partners.set(slot, free.splice(at, 1)[0]!);
  }
  return partners;
}
