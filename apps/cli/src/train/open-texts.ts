import { basename, dirname } from 'node:path';
import type { FileSource } from '@tessera/checkpoints';
import { directorySource } from '@tessera/checkpoints';
import type { TextEncoderToIds, TextSource, TokenSource } from '@tessera/data';
import { corpusSource, encodeTexts, fileTexts, prefetch, storySource } from '@tessera/data';
import type { TrainingBatch } from '@tessera/training';
import { UnsupportedOptionError } from '@tessera/tensor-core';
import type { StatusLine } from '../terminal/status-line.ts';
import type { Recipe } from './recipe.ts';

/** What a training learns from, and what it is measured on. */
export interface OpenedTexts {
  readonly train: TokenSource;
  /** Infinity for stories without end. */
  readonly tokens: number;
  /** Undefined where nothing is kept apart. */
  readonly validation: readonly TrainingBatch[] | undefined;
}

/** What `--data` says for the generated stories, instead of files. */
export const generatedStories = 'stories';

/** Batches that an evaluation takes at most. */
const mostEvaluated = 32;

/** Stories of this seed are only evaluated on, whatever the seed of a training, and about so many tokens of them. */
const evaluatedStories = { seed: 0, tokens: 2 ** 17 };

/** Windows are shifted where this costs no more than one in so many. */
const fewestShifted = 8;

/** Reads the texts of a recipe, and keeps the end of each file apart. */
export async function openTexts(
  recipe: Recipe,
  encoder: TextEncoderToIds,
  { signal, status }: { readonly signal: AbortSignal; readonly status: StatusLine },
): Promise<OpenedTexts> {
  const { data, validation: fraction, batch: rows, context, seed } = recipe;
  const encode = (texts: TextSource): ReturnType<typeof encodeTexts> =>
    encodeTexts(texts, encoder, {
      endId: encoder.eosId ?? null,
      signal,
      onProgress: ({ progress, tokens }) =>
        status.update(() => `reading texts: ${Math.round(100 * progress)} %, ${tokens.toLocaleString('en-US')} tokens`),
    });
  if (data.includes(generatedStories)) {
    if (data.length > 1)
      throw new UnsupportedOptionError(
        `--data names ${generatedStories} beside files, expected one or the other. A file of that name is ./${generatedStories}.`,
      );
    return {
      train: prefetch(storySource(encoder, { rows, context, seed: evaluatedStories.seed + 1 + seed })),
      tokens: Infinity,
      validation:
        fraction === 0
          ? undefined
          : await firstBatches(
              storySource(encoder, { rows, context, seed: evaluatedStories.seed }),
              Math.min(mostEvaluated, Math.ceil(evaluatedStories.tokens / (rows * context))),
            ),
    };
  }
  const part = (name: 'train' | 'validation'): TextSource =>
    fileTexts(localFiles(), data, fraction > 0 ? { split: { part: name, fraction } } : {});
  const corpus = await encode(part('train'));
  const shiftWindows = corpus.length > fewestShifted * context;
  return {
    train: prefetch(corpusSource(corpus, { rows, context, seed, shiftWindows })),
    tokens: corpus.length,
    validation:
      fraction === 0
        ? undefined
        : await firstBatches(
            corpusSource(await encode(part('validation')), { rows, context, seed: null, epochs: 1, rest: 'short' }),
            mostEvaluated,
          ),
  };
}

async function firstBatches(source: TokenSource, most: number): Promise<readonly TrainingBatch[]> {
  const batches: TrainingBatch[] = [];
  for (let batch = await source.next(); batch; batch = await source.next()) {
    batches.push(batch);
    if (batches.length === most) break;
  }
  return batches;
}

/** Files of the local file system by their paths, wherever they lie. */
export function localFiles(): FileSource {
  return {
    name: 'data',
    open: async (path, options) => (await directorySource(dirname(path))).open(basename(path), options),
  };
}
