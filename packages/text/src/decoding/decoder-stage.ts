/** Takes a piece of decoded text; `added` marks the text of an added token, which stands for itself. */
export type Emit = (text: string, added: boolean) => void;

/**
 * One stage of a decoder as a stream: tokens go in one by one, text comes out as soon as nothing that follows can change it.
 *
 * Decoding a whole sequence runs the same stages, so that streaming equals it by construction; the state of a stage is bounded by the longest token or
 * pattern, so that the cost of a token does not grow.
 */
export interface DecoderStage {
  push(text: string, added: boolean, emit: Emit): void;
  /** Ends the sequence and the stage; a new sequence takes a new stage. */
  flush(emit: Emit): void;
}

/** A stage that maps each token by itself. */
export function tokenStage(map: (token: string) => string): DecoderStage {
  return { push: (text, added, emit) => emit(map(text), added), flush() {} };
}
