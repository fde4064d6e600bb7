import type { DecoderStage } from './decoder-stage.ts';

/** Gives a stage one token made of all pieces, at the end: exact where nothing is known before it. */
export function collectStage(stage: DecoderStage): DecoderStage {
  const pieces: string[] = [];
  return {
    push(text) {
      pieces.push(text);
    },
    flush(emit) {
      stage.push(pieces.join(''), false, emit);
      stage.flush(emit);
    },
  };
}
