import { cutText } from './cut-text.ts';
import type { TextSource } from './text-source.ts';

/** Documents that are already in memory. */
export function memoryTexts(documents: readonly string[], name = 'texts'): TextSource {
  return {
    name,
    async *pieces({ signal } = {}) {
      for (const [i, document] of documents.entries()) {
        signal?.throwIfAborted();
        const pieces = [...cutText(document)];
        for (const [j, text] of pieces.entries())
          yield { text, end: j === pieces.length - 1, progress: (i + (j + 1) / pieces.length) / documents.length };
      }
    },
  };
}
