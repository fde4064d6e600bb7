import type { TokenKind } from '../protocol.ts';

/** A stretch of a text whose tokens are of one kind. It only grows at its end, until it is let go as a whole. */
export interface TextBlock {
  readonly number: number;
  readonly kind: TokenKind;
  readonly text: string;
}

/** The end of a text that a model writes. Its beginning is let go when it is long: hours of it take no more room than minutes. */
export interface StreamedText {
  readonly blocks: readonly TextBlock[];
  /** Characters of the blocks. */
  readonly length: number;
  /** Characters that were let go. */
  readonly letGo: number;
}

/** Characters of a block. */
const blockLength = 1000;

/** Characters that are kept, and with them elements of the page. */
export const mostShown = 12_000;

/** Before anything was written. */
export const noText: StreamedText = { blocks: [], length: 0, letGo: 0 };

/** The text with a further piece. */
export function appended(streamed: StreamedText, text: string, kind: TokenKind): StreamedText {
  if (text === '') return streamed;
  const { blocks, letGo } = streamed;
  const last = blocks.at(-1);
  const grows = last !== undefined && last.kind === kind && last.text.length < blockLength;
  const kept = [
    ...(grows ? blocks.slice(0, -1) : blocks),
    grows ? { ...last, text: last.text + text } : { number: (last?.number ?? -1) + 1, kind, text },
  ];
  let length = streamed.length + text.length;
  let gone = 0;
  while (length > mostShown && kept.length > 1) {
    const size = kept.shift()!.text.length;
    length -= size;
    gone += size;
  }
  return { blocks: kept, length, letGo: letGo + gone };
}

/** What is there of the text. */
export function plainText({ blocks }: StreamedText): string {
  return blocks.map(({ text }) => text).join('');
}
