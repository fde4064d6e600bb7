import { UnsupportedOptionError } from '@tessera/tensor-core';
import { DataError } from '../data-error.ts';
import type { TextSource } from '../text/text-source.ts';
import type { TextEncoderToIds } from './text-encoder.ts';
import { TokenCorpus } from './token-corpus.ts';

/** How far {@link encodeTexts} has come. */
export interface EncodeProgress {
  /** Share of the texts that is read, 0 to 1. */
  readonly progress: number;
  /** Documents begun. */
  readonly documents: number;
  /** Tokens so far. */
  readonly tokens: number;
}

/** Options of {@link encodeTexts}. */
export interface EncodeTextsOptions {
  /**
   * The id put after every document; `null` for none.
   * @defaultValue `eosId` of the encoder
   */
  readonly endId?: number | null;
  /** Aborts the work; the promise rejects with `signal.reason`. */
  readonly signal?: AbortSignal | undefined;
  /** Told from time to time, and at the end. */
  readonly onProgress?: (progress: EncodeProgress) => void;
}

/** Time of work, in milliseconds, after which a page or a server gets its turn. */
const turn = 25;

const nextTurn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

/**
 * Turns texts into ids, in the background: the texts are streamed, only the ids are kept, and other work gets its turn every few pieces.
 *
 * @throws {@link UnsupportedOptionError} if the encoder has no `eosId` and `endId` is not given.
 * @throws {@link DataError} if the texts are empty, or cannot be read.
 */
export async function encodeTexts(
  texts: TextSource,
  encoder: TextEncoderToIds,
  options: EncodeTextsOptions = {},
): Promise<TokenCorpus> {
  const { endId = encoder.eosId, signal, onProgress } = options;
  if (endId === undefined)
    throw new UnsupportedOptionError(
      'The tokenizer names no end of a text. Give endId, or null if nothing shall stand between documents.',
    );
  const corpus = new TokenCorpus(texts.name, encoder.vocabSize);
  const end = endId === null ? [] : [endId];
  let open = false;
  let progress = 0;
  const report = (): void => onProgress?.({ progress, documents: corpus.documents, tokens: corpus.length });
  let turnEnds = performance.now() + turn;
  for await (const piece of texts.pieces({ signal })) {
    signal?.throwIfAborted();
    if (!open) corpus.startDocument();
    corpus.append(encoder.encode(piece.text));
    if (piece.end) corpus.append(end);
    open = !piece.end;
    ({ progress } = piece);
    if (performance.now() < turnEnds) continue;
    report();
    await nextTurn();
    turnEnds = performance.now() + turn;
  }
  signal?.throwIfAborted();
  if (corpus.length === 0) throw new DataError(`${texts.name}: there is no text. Correct the files or the split.`);
  progress = 1;
  report();
  return corpus;
}
