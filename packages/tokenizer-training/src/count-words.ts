/** Words of the pattern that the ByteLevel pre-tokenizer splits by. `\s` is spelled out, as JavaScript's differs from Unicode's. */
const pattern =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;

/** Adds the words of a text to their counts. */
export function countWords(text: string, counts: Map<string, number>): void {
  for (const [word] of text.matchAll(pattern)) counts.set(word, (counts.get(word) ?? 0) + 1);
}
