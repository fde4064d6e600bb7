import type { Shader, Source } from '../codegen/shader.ts';
import type { Slot } from './slot.ts';

/** A dispatch over slots, before neighbours become one. */
export interface Draft {
  readonly kind: 'dispatch';
  /** Generated in parts, or whole as a kernel of a package brings it. */
  readonly shader: Shader | Source;
  readonly slots: readonly Slot[];
  /** Which of the slots it changes. */
  readonly writes: readonly boolean[];
}

/** Work in order. */
export type Work = Draft | { readonly kind: 'repeat'; readonly times: number; readonly work: readonly Work[] };

/** A draft of a generated shader. */
export function draftOf(shader: Shader, slots: readonly Slot[]): Draft {
  return { kind: 'dispatch', shader, slots, writes: shader.bindings.map(({ write }) => write) };
}
