import type { Shader } from '../codegen/shader.ts';

/** A shader to run, and the values of the graph that it binds, in the order of its bindings. */
export interface Dispatch {
  readonly shader: Shader;
  readonly values: readonly number[];
}
