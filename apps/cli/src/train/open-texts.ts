import { basename, dirname } from 'node:path';
import type { FileSource } from '@tessera/checkpoints';
import { directorySource } from '@tessera/checkpoints';
import type { TextEncoderToIds, TokenSource } from '@tessera/data';
import { corpusSource, encodeTexts, fileTexts, prefetch } from '@tessera/data';
import type { TrainingBatch } from '@tessera/training';
import type { StatusLine } from '../terminal/status-line.ts';
import type { Recipe } from './recipe.ts';

/** What a training learns from, and what it is measured on. */
export interface OpenedTexts {
  readonly train: TokenSource;
  readonly tokens: number;
  /** Undefined where nothing is kept apart. */
  readonly validation: readonly TrainingBatch[] | undefined;
}

/** Batches that an evaluation takes at most. */
const mostEvaluated = 32;

/** Reads the texts of a recipe, and keeps the end of each file apart. */
export async function openTexts(
  recipe: Recipe,
  encoder: TextEncoderToIds,
  { signal, status }: { readonly signal: AbortSignal; readonly status: StatusLine },
): Promise<OpenedTexts> {
  const { data, validation: fraction, batch: rows, context, seed } = recipe;
  const part = (name: 'train' | 'validation'): ReturnType<typeof fileTexts> =>
    fileTexts(files(), data, fraction > 0 ? { split: { part: name, fraction } } : {});
  const encode = (name: 'train' | 'validation'): ReturnType<typeof encodeTexts> =>
    encodeTexts(part(name), encoder, {
      endId: encoder.eosId ?? null,
      signal,
      onProgress: ({ progress, tokens }) =>
        status.update(() => `reading texts: ${Math.round(100 * progress)} %, ${tokens.toLocaleString('en-US')} tokens`),
    });
  const corpus = await encode('train');
  const train = prefetch(corpusSource(corpus, { rows, context, seed }));
  if (fraction === 0) return { train, tokens: corpus.length, validation: undefined };
  const kept = corpusSource(await encode('validation'), { rows, context, seed: null, epochs: 1, rest: 'short' });
  const validation: TrainingBatch[] = [];
  for (let batch = await kept.next(); batch && validation.length < mostEvaluated; batch = await kept.next())
    validation.push(batch);
  return { train, tokens: corpus.length, validation };
}

/** Files of the local file system by their paths, wherever they lie. */
function files(): FileSource {
  return {
    name: 'data',
    open: async (path, options) => (await directorySource(dirname(path))).open(basename(path), options),
  };
}
