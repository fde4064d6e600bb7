import type { Model } from '@tessera/assembler';
import type { ModelFacts, Reach } from '../protocol.ts';

/** The mixer of which retrievals can be shown. */
const memory = '@tessera/mixers-memory-mosaic:contextual-memory';

/** What is told of a model. */
export function factsOf(model: Model, reach: Reach): ModelFacts {
  const { layers, maxPositions } = model.spec;
  const names = layers.flatMap(({ mixer }) => (mixer ? [mixer.type] : []));
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return {
    parameters: Object.values(model.params).reduce((total, { size }) => total + size, 0),
    mixers: [...counts].map(([name, count]) => `${count} × ${name.slice(name.lastIndexOf(':') + 1)}`).join(', '),
    positions: maxPositions,
    reach,
    tokenizer: model.text !== undefined,
    memories: counts.has(memory),
  };
}
