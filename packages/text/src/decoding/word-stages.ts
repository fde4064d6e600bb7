import type { DecoderStage } from './decoder-stage.ts';

/** Replacements that undo the spaces around punctuation, in their order. */
export const cleanUpPairs: readonly (readonly [string, string])[] = [
  [' .', '.'],
  [' ?', '?'],
  [' !', '!'],
  [' ,', ','],
  [" ' ", "'"],
  [" n't", "n't"],
  [" 'm", "'m"],
  [" 's", "'s"],
  [" 've", "'ve"],
  [" 're", "'re"],
];

function cleanUp(token: string): string {
  return cleanUpPairs.reduce((text, [from, to]) => text.replaceAll(from, to), token);
}

/** Puts a space before every token but the first and those that continue a word. */
export function wordPieceStage(prefix: string, cleanup: boolean): DecoderStage {
  let first = true;
  return {
    push(text, added, emit) {
      const joined = first ? text : prefix !== '' && text.startsWith(prefix) ? text.slice(prefix.length) : ` ${text}`;
      first = false;
      emit(cleanup ? cleanUp(joined) : joined, added);
    },
    flush() {},
  };
}

/** Turns the end-of-word suffix into a space, except in the last token, which is therefore held back. */
export function bpeStage(suffix: string): DecoderStage {
  let held: string | undefined;
  return {
    push(text, _added, emit) {
      if (held !== undefined) emit(held.replaceAll(suffix, ' '), false);
      held = text;
    },
    flush(emit) {
      if (held !== undefined) emit(held.replaceAll(suffix, ''), false);
    },
  };
}

/** Turns the replacement character into a space and drops the one that stands first. */
export function metaspaceStage(replacement: string, dropFirst: boolean): DecoderStage {
  let first = true;
  return {
    push(text, added, emit) {
      const rest = first && dropFirst && text.startsWith(replacement) ? text.slice(replacement.length) : text;
      first = false;
      emit(rest.replaceAll(replacement, ' '), added);
    },
    flush() {},
  };
}

/** Without a decoder, tokens are words. */
export function spacedStage(): DecoderStage {
  return wordPieceStage('', false);
}
