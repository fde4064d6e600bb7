import { blobSource, memorySource } from '@tessera/checkpoints';
import type { FileSource } from '@tessera/checkpoints';
import { corpusSource, DataError, encodeTexts, fileTexts, prefetch, storySource, storyTexts } from '@tessera/data';
import type { TextEncoderToIds, TextSource, TokenCorpus, TokenSource } from '@tessera/data';
import { isTesseraError } from '@tessera/tensor-core';
import type { TrainingBatch } from '@tessera/training';
import type { Recipe, Tell, Texts } from '../protocol.ts';

/** Texts before they are ids. */
export interface OpenedTexts {
  /** What a tokenizer learns from. */
  readonly train: TextSource;
  /** What the model is measured on; undefined where nothing is kept apart. */
  readonly kept: TextSource | undefined;
  /** True where `train` is only the beginning of what goes on without end. */
  readonly endless: boolean;
  /** Why nothing is kept apart. */
  readonly notice: string | undefined;
}

/** What a training learns from, and what it is measured on. */
export interface Batches {
  readonly train: TokenSource;
  /** Tokens of the texts; undefined where they have no end. */
  readonly tokens: number | undefined;
  readonly validation: readonly TrainingBatch[];
  /** Why there is no validation. */
  readonly notice: string | undefined;
}

/** From other seeds come other stories: to train on, and to measure with. */
const storySeeds = { train: 1, kept: 2 } as const;
const storiesForTokenizer = 2000;

/** Batches that an evaluation takes at most. */
const mostEvaluated = 4;

const noEnd = 'There is no loss of validation, since no end of the text can be kept apart for it.';

/**
 * Finds the texts; the end of each file is kept apart.
 * @throws TesseraError with code `DATA` when there is no text
 */
export async function openTexts(texts: Texts, signal: AbortSignal): Promise<OpenedTexts> {
  if (texts.type === 'stories')
    return {
      train: storyTexts(storiesForTokenizer, { seed: storySeeds.train }),
      kept: undefined,
      endless: true,
      notice: undefined,
    };
  const [source, paths] = filesOf(texts);
  if (paths.length === 0) throw new DataError('There is no text to learn from. Pick a file, or paste a text.');
  const part = (name: 'train' | 'validation'): TextSource => fileTexts(source, paths, { split: { part: name } });
  if (await canBeRead(part('validation'), signal))
    return { train: part('train'), kept: part('validation'), endless: false, notice: undefined };
  return { train: fileTexts(source, paths), kept: undefined, endless: false, notice: noEnd };
}

/** Whether each file can be cut: one without line breaks cannot. */
async function canBeRead(texts: TextSource, signal: AbortSignal): Promise<boolean> {
  try {
    for await (const piece of texts.pieces({ signal })) void piece;
    return true;
  } catch (error) {
    if (isData(error)) return false;
    throw error;
  }
}

function isData(error: unknown): boolean {
  return isTesseraError(error) && error.code === 'DATA';
}

function filesOf(texts: Exclude<Texts, { type: 'stories' }>): [FileSource, string[]] {
  if (texts.type === 'written')
    return [memorySource({ text: texts.text }, 'pasted'), texts.text.trim() === '' ? [] : ['text']];
  // By number, since two of them may have the same name; by name, since that says which are JSONL.
  const named = Object.fromEntries(texts.files.map((file, index) => [`${index + 1}-${file.name}`, file]));
  return [blobSource(named, 'picked'), Object.keys(named)];
}

/** Turns texts into batches of ids, and tells how far that is. */
export async function openBatches(
  { train, kept, endless, notice }: OpenedTexts,
  encoder: TextEncoderToIds,
  { context, batch: rows, seed }: Recipe,
  tell: Tell,
  signal: AbortSignal,
): Promise<Batches> {
  if (endless) {
    const of = (seed: number): TokenSource => storySource(encoder, { rows, context, seed });
    const validation = await firstOf(of(storySeeds.kept), rows);
    return { train: prefetch(of(storySeeds.train)), tokens: undefined, validation, notice: undefined };
  }
  const encode = (texts: TextSource): Promise<TokenCorpus> =>
    encodeTexts(texts, encoder, {
      signal,
      onProgress: ({ progress, tokens }) =>
        tell({
          type: 'preparing',
          doing: `Reading the texts: ${tokens.toLocaleString('en-US')} tokens`,
          ratio: progress,
        }),
    });
  const corpus = await encode(train);
  const source = corpusSource(corpus, { rows, context, seed });
  const validation = kept ? await validationOf(() => encode(kept), { rows, context }) : [];
  return {
    train: prefetch(source),
    tokens: corpus.length,
    validation,
    notice: validation.length === 0 ? (notice ?? noEnd) : undefined,
  };
}

/** The first windows of what is kept apart, in order; none where it does not fill one. */
async function validationOf(
  encode: () => Promise<TokenCorpus>,
  { rows, context }: { readonly rows: number; readonly context: number },
): Promise<TrainingBatch[]> {
  try {
    return await firstOf(corpusSource(await encode(), { rows, context, seed: null, epochs: 1, rest: 'short' }), rows);
  } catch (error) {
    if (isData(error)) return [];
    throw error;
  }
}

/** A few batches of one size, so that one program evaluates them; a single one may have fewer rows. */
async function firstOf(source: TokenSource, rows: number): Promise<TrainingBatch[]> {
  const batches: TrainingBatch[] = [];
  for (let batch = await source.next(); batch && batches.length < mostEvaluated; batch = await source.next())
    if (batch.rows === rows || batches.length === 0) batches.push(batch);
  return batches;
}
