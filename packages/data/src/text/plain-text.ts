import { cutPoint, cutText } from './cut-text.ts';
import type { TextPiece } from './text-source.ts';

/** Documents of a plain text: the whole of it, or what stands between separators. Empty documents are passed over. */
export async function* plainTextPieces(
  chunks: AsyncIterable<{ readonly text: string; readonly read: number }>,
  separator: string | undefined,
): AsyncGenerator<TextPiece> {
  const tail = separator === undefined ? 0 : separator.length - 1; // may be the beginning of a separator
  let rest = '';
  let open = false; // whether pieces of the document have been given
  let progress = 0;

  function* close(text: string): Generator<TextPiece> {
    const pieces = [...cutText(text)];
    if (pieces.length === 0 && open) pieces.push('');
    for (const [i, piece] of pieces.entries()) yield { text: piece, end: i === pieces.length - 1, progress };
    open = false;
  }

  for await (const { text, read } of chunks) {
    let from = Math.max(0, rest.length - tail);
    rest += text;
    progress = read;
    if (separator !== undefined) {
      for (let at = rest.indexOf(separator, from); at >= 0; at = rest.indexOf(separator, from)) {
        yield* close(rest.slice(0, at));
        rest = rest.slice(at + separator.length);
        from = 0;
      }
    }
    const cut = cutPoint(rest.slice(0, rest.length - tail));
    if (cut === 0) continue;
    for (const piece of cutText(rest.slice(0, cut))) yield { text: piece, end: false, progress };
    rest = rest.slice(cut);
    open = true;
  }
  yield* close(rest);
}
