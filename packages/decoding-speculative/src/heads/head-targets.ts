import type { LanguageModelGraph, ModelParams } from '@tessera/assembler';
import type { Links } from '@tessera/plugin';
import type { Tensor } from '@tessera/tensor-core';
import { ShapeError, and, cast, equal, fromHost, greater, greaterEqual, slice, sum, zeros } from '@tessera/tensor-core';

/** Rows of a text on the device, as a trainer gives them. */
export interface TextTensors {
  /** `[B, T + 1]`, i32 */
  readonly tokens: Tensor;
  /** Document of each token, `[B, T + 1]`, i32. */
  readonly segments?: Tensor | undefined;
  /** `[B, T + 1]`, i32: 0 for tokens of which nothing is learned. */
  readonly targets?: Tensor | undefined;
}

/** What a head is asked for. */
export interface HeadTargets {
  /** What the output matrix of the model reads at the positions that have an answer, `[B, n, D]`. */
  readonly hidden: Tensor;
  /** The token there, `[B, n]`, i32. */
  readonly ids: Tensor;
  /** Whether it counts, `[B, n]`, bool. */
  readonly counts: Tensor;
  /** How many count, a scalar. */
  readonly count: Tensor;
}

/**
 * Records what the trunk makes of rows, without gradients or dropout, and what each head should say: at position t head k the token
 * at t + 2 + k, if it is of the same document.
 * @throws {@link ShapeError} when rows are too short for the last head
 */
export function headTargets(
  graph: LanguageModelGraph,
  weights: ModelParams,
  { tokens, segments, targets }: TextTensors,
  heads: number,
): { readonly wanted: readonly HeadTargets[]; readonly links: Links } {
  const [B, length] = tokens.shape as [number, number];
  const T = length - 1;
  if (T <= heads)
    throw new ShapeError(
      `heads: rows have ${T} positions, and ${heads} heads look ${heads + 1} tokens ahead. Give rows of at least ${heads + 1}.`,
      { facts: { positions: T, heads } },
    );
  const { hidden, links } = graph.hidden(weights, {
    tokens: slice(tokens, 1, 0, T),
    starts: zeros([B], 'i32'),
    lengths: fromHost(new Int32Array(B).fill(T), [B]),
    ...(segments && { segments: slice(segments, 1, 0, T) }),
  });
  const wanted = Array.from({ length: heads }, (_, head): HeadTargets => {
    const n = T - 1 - head;
    const counting = [
      ...(segments ? [equal(slice(segments, 1, 0, n), slice(segments, 1, head + 2))] : []),
      ...(targets ? [greater(slice(targets, 1, head + 2), 0)] : []),
    ];
    const ids = slice(tokens, 1, head + 2);
    const counts = counting.reduce((a, b) => and(a, b), greaterEqual(ids, 0));
    return { hidden: slice(hidden, 1, 0, n), ids, counts, count: sum(cast(counts, 'f32')) };
  });
  return { wanted, links };
}
