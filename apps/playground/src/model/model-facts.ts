import type { Model } from '@tessera/assembler';
import type { ModelFacts, Reach } from '../protocol.ts';

/** The mixer of which retrievals can be shown. */
const memory = '@tessera/mixers-memory-mosaic:contextual-memory';

/** What is told of a model, and of one that proposes to it. */
export function factsOf(model: Model, reach: Reach, draft: Model | undefined): ModelFacts {
  const { layers, maxPositions } = model.spec;
  const names = layers.flatMap(({ mixer }) => (mixer ? [mixer.type] : []));
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return {
    parameters: parametersOf(model),
    mixers: [...counts].map(([name, count]) => `${count} × ${name.slice(name.lastIndexOf(':') + 1)}`).join(', '),
    positions: maxPositions,
    reach,
    tokenizer: model.text !== undefined,
    memories: counts.has(memory),
    draft: draft && { parameters: parametersOf(draft) },
  };
}

function parametersOf({ params }: Model): number {
  return Object.values(params).reduce((total, { size }) => total + size, 0);
}
