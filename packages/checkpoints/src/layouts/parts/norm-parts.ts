import type { PublishedPart } from '../published-model.ts';

/** Root mean square norm; `offset` is added to the weight. */
export function rmsPart(eps: number, offset = 0): PublishedPart {
  return {
    spec: { type: '@tessera/norms:rms', config: { eps, ...(offset !== 0 && { offset }) } },
    rules: () => [{ kind: 'rename', published: 'weight', ours: 'weight' }],
  };
}

/** Layer norm with a bias. */
export function layerNormPart(eps: number): PublishedPart {
  return {
    spec: { type: '@tessera/norms:layer', config: { eps } },
    rules: () => ['weight', 'bias'].map((name) => ({ kind: 'rename', published: name, ours: name })),
  };
}
