export { linearize } from './linearize.ts';
export type { LinearizeOptions, Linearized } from './linearize.ts';
export { linearizedSpec } from './linearized-spec.ts';
export type { Replacement } from './linearized-spec.ts';
export { withDrawn } from './with-drawn.ts';
