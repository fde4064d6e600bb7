import { TesseraError, UnsupportedOptionError } from '@tessera/tensor-core';
import { byteCharacters, bytesInOrder } from './byte-alphabet.ts';
import { countWords } from './count-words.ts';
import { mostSymbols, PairCounts } from './pair-counts.ts';
import { takeTurns } from './take-turns.ts';
import { tokenizerConfigJson, tokenizerJson } from './tokenizer-json.ts';

/** How far {@link trainTokenizer} has come. */
export interface TrainTokenizerProgress {
  /** Reading texts, then merging pairs. */
  readonly phase: 'read' | 'merge';
  /** Characters read. */
  readonly characters: number;
  /** Tokens in the vocabulary so far. */
  readonly vocabSize: number;
}

/** Options of {@link trainTokenizer}. */
export interface TrainTokenizerOptions {
  /** Size of the vocabulary at most: special tokens, 256 bytes and merges. It may stay smaller where the texts have no more frequent pairs. */
  readonly vocabSize: number;
  /**
   * How often a pair must occur to be merged.
   * @defaultValue 2
   */
  readonly minFrequency?: number;
  /**
   * Special tokens; they get the ids from 0 on, and the first one is what ends a text.
   * @defaultValue `['<|endoftext|>']`
   */
  readonly specialTokens?: readonly string[];
  /** Aborts the work; the promise rejects with `signal.reason`. */
  readonly signal?: AbortSignal | undefined;
  /** Told from time to time, and at the end. */
  readonly onProgress?: (progress: TrainTokenizerProgress) => void;
}

/** The files of a tokenizer. */
export interface TrainedTokenizer {
  /** `tokenizer.json`. */
  readonly tokenizerJson: string;
  /** `tokenizer_config.json`. */
  readonly tokenizerConfigJson: string;
  /** Size of the vocabulary. */
  readonly vocabSize: number;
  /** Pairs in the order in which they are merged, in characters of the byte-level alphabet. */
  readonly merges: readonly (readonly [string, string])[];
}

/** Texts, whole or in pieces that are cut where words begin, as those of `@tessera/data` are. */
export type TrainingTexts =
  | Iterable<string | { readonly text: string }>
  | AsyncIterable<string | { readonly text: string }>;

function checkOptions(vocabSize: number, minFrequency: number, specialTokens: readonly string[]): void {
  const least = specialTokens.length + 256;
  if (!Number.isSafeInteger(vocabSize) || vocabSize < least || vocabSize >= mostSymbols)
    throw new UnsupportedOptionError(
      `vocabSize is ${vocabSize}, expected a whole number from ${least} (256 bytes and ${specialTokens.length} special tokens) to ${mostSymbols - 1}.`,
      { facts: { vocabSize, least } },
    );
  if (!Number.isSafeInteger(minFrequency) || minFrequency < 1)
    throw new UnsupportedOptionError(`minFrequency is ${minFrequency}, expected a whole number from 1 on.`, {
      facts: { minFrequency },
    });
  for (const [i, token] of specialTokens.entries())
    if (token === '' || specialTokens.indexOf(token) !== i || byteCharacters.includes(token))
      throw new UnsupportedOptionError(
        `specialTokens[${i}] is ${JSON.stringify(token)}, expected different texts of two characters or more. Spell it like "<|pad|>".`,
        { facts: { token } },
      );
}

/**
 * Trains a byte-level BPE tokenizer: texts are split into words by GPT-2's pattern, words are bytes, and the most frequent pair of neighbours becomes a
 * token again and again. Any text can be encoded, and decodes to itself. Among equally frequent pairs that with the smaller ids is merged, so that the same
 * texts give the same files; they are those of the `tokenizers` library.
 *
 * {@includeCode ../examples/train.ts#train}
 *
 * @throws {@link UnsupportedOptionError} if a number is out of range, or special tokens are not different texts of two characters or more.
 * @throws TesseraError with code `DATA` if there is no text.
 * @see Sennrich, Haddow and Birch 2016, arXiv:1508.07909; Radford et al. 2019, "Language Models are Unsupervised Multitask Learners", for bytes.
 */
export async function trainTokenizer(texts: TrainingTexts, options: TrainTokenizerOptions): Promise<TrainedTokenizer> {
  const { vocabSize, minFrequency = 2, specialTokens = ['<|endoftext|>'], signal, onProgress } = options;
  checkOptions(vocabSize, minFrequency, specialTokens);

  const tokens = [...specialTokens, ...bytesInOrder.map((byte) => byteCharacters[byte]!)];
  const merges: (readonly [string, string])[] = [];
  let characters = 0;
  let phase: TrainTokenizerProgress['phase'] = 'read';
  const report = (): void => onProgress?.({ phase, characters, vocabSize: tokens.length });
  const turn = takeTurns(signal, report);

  const counts = new Map<string, number>();
  signal?.throwIfAborted();
  for await (const piece of texts) {
    const text = typeof piece === 'string' ? piece : piece.text;
    countWords(text, counts);
    characters += text.length;
    await turn();
  }
  if (counts.size === 0) throw new TesseraError('DATA', 'There is no text to train a tokenizer on.');

  phase = 'merge';
  const idOfByte = new Int32Array(256);
  for (const [i, byte] of bytesInOrder.entries()) idOfByte[byte] = specialTokens.length + i;
  const utf8 = new TextEncoder();
  const pairs = new PairCounts(
    Array.from(counts, ([word, frequency]) => ({
      symbols: Int32Array.from(utf8.encode(word), (byte) => idOfByte[byte]!),
      frequency,
    })),
  );
  const ids = new Map(tokens.map((token, id) => [token, id]));
  while (tokens.length < vocabSize) {
    await turn();
    const pair = pairs.takeMostFrequent(minFrequency);
    if (pair === undefined) break;
    const left = tokens[pair.left]!;
    const right = tokens[pair.right]!;
    const token = left + right;
    const known = ids.get(token); // two ways to the same token, or what a special token is spelled like
    if (known !== undefined && known < specialTokens.length) continue;
    const id = known ?? tokens.push(token) - 1;
    ids.set(token, id);
    merges.push([left, right]);
    pairs.merge(pair, id);
  }
  report();
  return {
    tokenizerJson: tokenizerJson({ specialTokens, tokens, merges }),
    tokenizerConfigJson: tokenizerConfigJson(specialTokens[0]),
    vocabSize: tokens.length,
    merges,
  };
}
