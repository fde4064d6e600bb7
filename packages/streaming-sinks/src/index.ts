export { sinkCache } from './sink-cache.ts';
export type { SinkCacheOptions } from './sink-cache.ts';
export { recomputedLogits } from './recompute.ts';
export type { WholeModel } from './recompute.ts';
export { withSinkToken } from './sink-token.ts';
