import type { DecoderStage } from './decoder-stage.ts';

/** `prefix[k]`: the longest proper prefix of `pattern` that its first k + 1 characters end with (Knuth, Morris, Pratt). */
function prefixFunction(pattern: string): number[] {
  const prefix = [0];
  for (let i = 1, k = 0; i < pattern.length; i++) {
    while (k > 0 && pattern[i] !== pattern[k]) k = prefix[k - 1] as number;
    if (pattern[i] === pattern[k]) k++;
    prefix[i] = k;
  }
  return prefix;
}

/** Replaces a literal in a text that arrives in pieces; holds back no more than a beginning of the literal. */
export function literalReplaceStage(pattern: string, replacement: string): DecoderStage {
  const prefix = prefixFunction(pattern);
  let matched = 0;
  return {
    push(text, added, emit) {
      let out = '';
      for (let i = 0; i < text.length; i++) {
        while (matched > 0 && text[i] !== pattern[matched]) {
          const shorter = prefix[matched - 1] as number;
          out += pattern.slice(0, matched - shorter);
          matched = shorter;
        }
        if (text[i] === pattern[matched]) matched++;
        else out += text[i];
        if (matched === pattern.length) {
          out += replacement;
          matched = 0;
        }
      }
      if (out !== '') emit(out, added);
    },
    flush: (emit) => emit(pattern.slice(0, matched), false),
  };
}
