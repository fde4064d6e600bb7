export type { LogitsProcessor, LogitsProcessorCall, SamplingOptions } from './sampling-options.ts';
export type { TokenHistory } from './token-history.ts';
export { samplingOptionNames, validateSamplingOptions } from './validate-options.ts';
export { processedDistribution } from './distribution.ts';
export { selectToken } from './select-token.ts';
export type { TokenProbability } from './logprobs.ts';
export { logprobOf, topLogprobs } from './logprobs.ts';
export type { UniformCall } from './uniform.ts';
export { placeOf, uniformOf } from './uniform.ts';
