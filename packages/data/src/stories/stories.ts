import { UnsupportedOptionError } from '@tessera/tensor-core';
import { checkCount, countedSource } from '../batches/counted-source.ts';
import type { Packing } from '../batches/window-table.ts';
import type { TokenSource } from '../batches/token-source.ts';

import { seedKey } from '../seed-key.ts';
import type { TextSource } from '../text/text-source.ts';
import type { TextEncoderToIds } from '../tokens/text-encoder.ts';
import { storyAt } from './tell-story.ts';

/** Which stories are told. */
export interface StoriesOptions {
  /**
   * Another seed gives other stories: one to train on, another to measure with.
   * @defaultValue 0
   */
  readonly seed?: number;
  /**
   * Number of the first story.
   * @defaultValue 0
   */
  readonly from?: number;
}

/**
 * Simple stories without end: somebody, a friend, a place, something that happens, and at the end a question about it with its answer. Every word of them is
 * from a grammar of this package; {@link storyAt} gives the facts along.
 *
 * {@includeCode ../../examples/stories.ts#stories}
 *
 * @throws {@link UnsupportedOptionError} if the seed or the number is not a whole number from 0 on.
 */
export function* stories({ seed = 0, from = 0 }: StoriesOptions = {}): Generator<string, never> {
  for (let number = from; ; number++) yield storyAt(number, seed).text;
}

/** The first stories of a seed as texts, for example to measure with. Made while they are read. */
export function storyTexts(count: number, { seed = 0, from = 0 }: StoriesOptions = {}): TextSource {
  checkCount(count, 'count');
  return {
    name: `${count} stories of seed ${seed}`,
    async *pieces({ signal } = {}) {
      for (let i = 0; i < count; i++) {
        signal?.throwIfAborted();
        yield { text: storyAt(from + i, seed).text, end: true, progress: (i + 1) / count };
      }
    },
  };
}

/** Options of {@link storySource}. */
export interface StorySourceOptions {
  /** Windows of a batch B. */
  readonly rows: number;
  /** Positions of a window that the model sees, T; a window holds one token more. */
  readonly context: number;
  /**
   * Chooses the stories.
   * @defaultValue 0
   */
  readonly seed?: number;
  /**
   * `joined`: a story sees those before it in the window. `segmented`: `segments` keep them apart.
   * @defaultValue 'joined'
   */
  readonly packing?: Exclude<Packing, 'separate'>;
}

/**
 * Batches of stories, made when they are asked for and stored nowhere. A window holds stories that no other window has, each followed by the id that ends a
 * text; the last one is cut off. Every other window begins with that id, as if a story came before it: a model learns to begin with it and without it.
 *
 * @throws {@link UnsupportedOptionError} if the encoder has no `eosId`, or a number is out of range.
 */
export function storySource(encoder: TextEncoderToIds, options: StorySourceOptions): TokenSource {
  const { rows: B, context: T, seed = 0, packing = 'joined' } = options;
  checkCount(B, 'rows');
  checkCount(T, 'context');
  seedKey(seed, 'story'); // refuses a seed that is none
  const { eosId } = encoder;
  if (eosId === undefined)
    throw new UnsupportedOptionError('The tokenizer names no end of a text, which stands between stories.');

  const fillWindow = (window: number, tokens: Int32Array, segments: Int32Array | undefined): void => {
    let at = 0;
    if (window % 2 === 0) tokens[at++] = eosId;
    for (let number = 0; at <= T; number++) {
      const ids = encoder.encode(storyAt(window * (T + 1) + number, seed).text); // a story has more than a token
      for (let i = 0; i <= ids.length && at <= T; i++, at++) {
        tokens[at] = i < ids.length ? ids[i]! : eosId;
        if (segments) segments[at] = number;
      }
    }
  };
  return countedSource(
    {
      name: `stories of seed ${seed}`,
      identity: `stories 2 ${JSON.stringify([B, T, seed, packing, encoder.vocabSize, eosId])}`,
      rows: B,
      context: T,
      vocabSize: encoder.vocabSize,
      batches: Infinity,
    },
    (position) => {
      const tokens = new Int32Array(B * (T + 1));
      const segments = packing === 'segmented' ? new Int32Array(B * (T + 1)) : undefined;
      for (let row = 0; row < B; row++) {
        const start = row * (T + 1);
        fillWindow(position * B + row, tokens.subarray(start, start + T + 1), segments?.subarray(start, start + T + 1));
      }
      return { rows: B, context: T, tokens, ...(segments && { segments }) };
    },
  );
}
