export { LawError } from './law.ts';
export type { Law } from './law.ts';
export { stackMixers } from './stack-mixers.ts';
export { describeMixer, mixerLaws } from './mixer-laws.ts';
export type { MixerLawsOptions, TestFunction } from './mixer-laws.ts';
export type { SubjectOptions } from './bench/subject.ts';
export { stateBytesAfter } from './state-bytes.ts';
export type { StateBytesRun } from './state-bytes.ts';
