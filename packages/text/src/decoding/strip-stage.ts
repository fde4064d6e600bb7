import type { DecoderStage } from './decoder-stage.ts';

export interface Strip {
  readonly content: string;
  readonly start: number;
  readonly stop: number;
}

/** Cuts up to `start` leading and `stop` trailing characters `content` off one token. */
export function stripToken({ content, start, stop }: Strip, token: string): string {
  const chars = Array.from(token);
  let from = 0;
  let to = chars.length;
  while (from < start && chars[from] === content) from++;
  while (chars.length - to < stop && to > from && chars[to - 1] === content) to--;
  return chars.slice(from, to).join('');
}

/** The same for one token that arrives in pieces: the end is held back, since more may follow. */
export function stripTextStage({ content, start, stop }: Strip): DecoderStage {
  let toCut = start;
  let trailing = 0;
  return {
    push(text, added, emit) {
      let out = '';
      for (const char of text) {
        if (char !== content) {
          out += content.repeat(trailing) + char;
          trailing = 0;
          toCut = 0;
        } else if (toCut > 0) {
          toCut--;
        } else if (trailing < stop) {
          trailing++;
        } else {
          out += char;
        }
      }
      if (out !== '') emit(out, added);
    },
    flush() {},
  };
}
