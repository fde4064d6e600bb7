/** Longest piece, in UTF-16 code units: far below what tokenizers take at once. */
const longest = 1 << 18;

const lastLineStart = (text: string): number => {
  for (let i = text.length - 1; i > 0; i--) if (text[i - 1] === '\n' && /\S/.test(text[i]!)) return i;
  return 0;
};

const lastWordStart = (text: string): number => {
  for (let i = text.length - 2; i > 0; i--)
    if (text[i] === ' ' && /\S/.test(text[i - 1]!) && /\S/.test(text[i + 1]!)) return i;
  return 0;
};

const lastCharacterStart = (text: string): number => {
  const low = text.charCodeAt(text.length - 1);
  return low >= 0xdc00 && low <= 0xdfff ? text.length - 2 : text.length - 1;
};

/**
 * Where a text that goes on can be cut so that its halves are tokenised as the whole is: before a line that begins with a visible character, and, where
 * lines are very long, before the space of a word. 0 where it cannot be cut yet. A run of {@link longest} code units without either is cut anywhere.
 */
export function cutPoint(text: string): number {
  const line = lastLineStart(text);
  if (line > 0 || text.length <= longest) return line;
  const word = lastWordStart(text);
  return word > 0 ? word : lastCharacterStart(text);
}

/** Cuts a whole text into pieces of bounded length. */
export function* cutText(text: string): Generator<string> {
  let rest = text;
  while (rest.length > longest) {
    const head = rest.slice(0, longest + 1);
    const cut = cutPoint(head);
    yield rest.slice(0, cut);
    rest = rest.slice(cut);
  }
  if (rest !== '') yield rest;
}
