import { definePlugin } from '@tessera/plugin';
import type { Plugin } from '@tessera/plugin';
import { contextualMemory } from './contextual/contextual-memory.ts';
import { persistentMemory } from './persistent/persistent-memory.ts';

export { contextualMemory } from './contextual/contextual-memory.ts';
export type { ContextualMemoryState } from './contextual/contextual-memory.ts';
export type { ContextualMemoryConfig, ContextualMemoryParams } from './contextual/contextual-config.ts';
export type { PairCache } from './contextual/pair-cache.ts';
export type { Pending } from './contextual/pairs.ts';
export { persistentMemory } from './persistent/persistent-memory.ts';
export type {
  PersistentMemoryConfig,
  PersistentMemoryParams,
  PersistentMemoryState,
} from './persistent/persistent-memory.ts';
export { retrievalWeights } from './retrieval/retrieval-weights.ts';
export { retrievalsOf, strongestPairs } from './retrieval/retrievals-of.ts';
export type { LayerRetrieval, ModelWithMemories, RetrievedPair } from './retrieval/retrievals-of.ts';
export type { MemoryConfig, MemoryParams } from './keys/key-config.ts';

/** The mixers of this package. */
export const memoryMosaics: Plugin = definePlugin({
  contract: 'plugin/1',
  name: '@tessera/mixers-memory-mosaic',
  mixers: [contextualMemory, persistentMemory],
});
