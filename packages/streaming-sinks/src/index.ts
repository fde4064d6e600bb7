export { sinkCache } from './sink-cache.ts';
export type { SinkCacheOptions } from './sink-cache.ts';
