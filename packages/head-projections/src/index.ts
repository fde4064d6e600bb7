export { rotaryConfig, anglesOf, checkRotary } from './rotary-config.ts';
export type { RotaryConfig } from './rotary-config.ts';
export { headFields, headParams, headSizes, projectOutput, projectQueryKeyValue } from './projections.ts';
export type { HeadParams, HeadSizes, HeadsConfig, QueryKeyNormConfig } from './projections.ts';
export { turnedBack } from './turned-back.ts';
