import { ContextOverflowError, isTesseraError, ModelFormatError } from '@tessera/tensor-core';
import type { JsonRecord } from '../format/field-check.ts';
import { own } from '../format/field-check.ts';
import type { AddedToken } from './added-token.ts';
import { controlSpelling } from './control-spelling.ts';
import { openLibraryTokenizer } from './library.ts';
import type { LibraryTokenizer } from './library.ts';
import { libraryJson } from './library-json.ts';
import { literalScanner } from './literal-scanner.ts';
import type { TextSegment } from './tokenizer.ts';
import type { Vocabulary } from './vocabulary.ts';
import { wellFormed } from './well-formed.ts';

/** Turns segments of text into ids. */
export type SegmentEncoder = (segments: readonly TextSegment[]) => number[];

function openLibrary(json: JsonRecord, vocabulary: Vocabulary, added: readonly AddedToken[]): LibraryTokenizer {
  try {
    return openLibraryTokenizer(libraryJson(json, vocabulary, added));
  } catch (cause) {
    if (isTesseraError(cause)) throw cause;
    throw new ModelFormatError(`tokenizer.json: the tokenizer cannot be built (${(cause as Error).message}).`, {
      cause,
      facts: { file: 'tokenizer.json' },
    });
  }
}

/** A byte as the vocabulary of a model with byte fallback spells it. */
function byteTokens(text: string): string[] {
  return Array.from(
    new TextEncoder().encode(text),
    (byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`,
  );
}

/** Builds the encoder over the library. */
export function createSegmentEncoder(
  json: JsonRecord,
  vocabulary: Vocabulary,
  added: readonly AddedToken[],
  maxTextLength: number,
): SegmentEncoder {
  const library = openLibrary(json, vocabulary, added);
  const byContent = new Map(added.map((token) => [token.content, token]));
  const scanner = literalScanner(
    added.filter(({ control, normalized }) => control || !normalized).map(({ content }) => content),
  );
  // The library knows byte fallback for BPE only.
  const unigramBytes = vocabulary.type === 'Unigram' && own(vocabulary.model, 'byte_fallback') === true;

  const spellControls = (text: string): string => {
    let spelled = '';
    let end = 0;
    for (const { start, literal } of scanner.scan(text)) {
      const token = byContent.get(literal) as AddedToken;
      spelled += text.slice(end, start) + (token.control ? controlSpelling(token.id) : literal);
      end = start + literal.length;
    }
    return spelled + text.slice(end);
  };

  const idsOf = (token: string, id: number | undefined): readonly number[] => {
    if (unigramBytes && library.token_to_id(token) === undefined) {
      const bytes = byteTokens(token).map((byte) => vocabulary.ids.get(byte));
      if (bytes.every((byte) => byte !== undefined)) return bytes;
    }
    if (id === undefined) {
      throw new ModelFormatError(
        `tokenizer.json: model.unk_${vocabulary.type === 'Unigram' ? 'id' : 'token'} is missing, and the text has ${JSON.stringify(token)}, which the vocabulary lacks.`,
        {
          facts: { file: 'tokenizer.json', token },
        },
      );
    }
    return [id];
  };

  return (segments) => {
    const length = segments.reduce((sum, { text }) => sum + text.length, 0);
    if (length > maxTextLength) {
      throw new ContextOverflowError(
        `The text has ${length} characters, at most ${maxTextLength} are tokenised at once. Shorten it, or raise maxTextLength.`,
        {
          facts: { length, maxTextLength },
        },
      );
    }
    const text = segments
      .map((segment) =>
        segment.parseSpecial === true ? spellControls(wellFormed(segment.text)) : wellFormed(segment.text),
      )
      .join('');
    if (text === '') return [];
    const { ids, tokens } = library.encode(text, { add_special_tokens: false });
    return tokens.flatMap((token, index) => idsOf(token, ids[index]));
  };
}
