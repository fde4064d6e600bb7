import { threefry, UnsupportedOptionError } from '@tessera/tensor-core';
import { seedKey } from '../seed-key.ts';
import type { Key } from '../seed-key.ts';
import type { TextPiece, TextSource } from './text-source.ts';

/** Which documents are kept. */
export interface HashSplit {
  readonly part: 'train' | 'validation';
  /**
   * Share of the documents kept for validation, between 0 and 1.
   * @defaultValue 0.05
   */
  readonly fraction?: number;
  /**
   * Chooses another split of the same documents.
   * @defaultValue 0
   */
  readonly seed?: number;
}

/** What is hashed of a document, so that a long one need not be held. */
const hashedLength = 1024;

function hashOf(text: string, key: Key): number {
  let hash = key;
  const end = Math.min(text.length, hashedLength);
  const pair = (i: number): number => text.charCodeAt(i) | ((i + 1 < end ? text.charCodeAt(i + 1) : 0) << 16);
  for (let i = 0; i < end; i += 4) hash = threefry(hash[0], hash[1], pair(i), i + 2 < end ? pair(i + 2) : end);
  return hash[0] / 2 ** 32;
}

/**
 * The documents of one part of a split: each goes to training or validation by a hash of its first 1024 characters, whatever stands around it, so that
 * adding documents moves none, and equal documents stay on one side.
 *
 * @throws {@link UnsupportedOptionError} if the fraction is not between 0 and 1.
 */
export function splitByHash(texts: TextSource, { part, fraction = 0.05, seed = 0 }: HashSplit): TextSource {
  if (!(fraction > 0 && fraction < 1))
    throw new UnsupportedOptionError(`fraction is ${fraction}, expected a number between 0 and 1.`, {
      facts: { fraction },
    });
  const key = seedKey(seed, 'split');
  const isKept = (head: string): boolean => hashOf(head, key) < fraction === (part === 'validation');
  return {
    name: `${texts.name} (${part})`,
    async *pieces(options) {
      let held: TextPiece[] = []; // of a document that is not decided about
      let kept: boolean | undefined;
      for await (const piece of texts.pieces(options)) {
        if (kept === undefined) {
          held.push(piece);
          const head = held.map(({ text }) => text).join('');
          if (head.length >= hashedLength || piece.end) {
            kept = isKept(head);
            if (kept) yield* held;
            held = [];
          }
        } else if (kept) yield piece;
        if (piece.end) kept = undefined;
      }
    },
  };
}
