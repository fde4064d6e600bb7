/** A model that gives logits of whole sequences, such as `Model` of `@tessera/assembler`. */
export interface WholeModel {
  /** `[B, T, V]`, row-major. */
  forward(
    rows: readonly (readonly number[])[],
  ): Promise<{ readonly logits: Float32Array; readonly shape: readonly number[] }>;
}

/**
 * Logits of chosen tokens of a stream, each from the last `window` tokens read afresh: what a rolling cache is measured by. Nothing is
 * remembered, so that a token costs a window.
 * @param at - numbers of the tokens, itself the last of its window
 * @returns one `[V]` for each
 * @see Xiao et al. 2023, arXiv:2309.17453: sliding window with recomputation.
 */
export async function recomputedLogits(
  model: WholeModel,
  tokens: readonly number[],
  { window, at }: { readonly window: number; readonly at: readonly number[] },
): Promise<Float32Array[]> {
  const made: Float32Array[] = [];
  for (const t of at) {
    const { logits, shape } = await model.forward([tokens.slice(Math.max(0, t - window + 1), t + 1)]);
    made.push(logits.slice(-shape.at(-1)!));
  }
  return made;
}
