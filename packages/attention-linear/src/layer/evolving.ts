import type { Tensor } from '@tessera/tensor-core';

/** A part of a state that is known after each entry of a draft, so that a commit takes the one it wants. */
interface Evolving {
  /** After all of them, `[B, …]`. */
  readonly last: Tensor;
  /** After each, `[B, n, …]`. */
  readonly each: Tensor;
}

/** A part of a state after the entries of a call; a bare tensor where only that is known. */
export type PartAfter = Tensor | Evolving;

/** What it is after all entries. */
export function lastOf(part: PartAfter): Tensor {
  return 'each' in part ? part.last : part;
}
