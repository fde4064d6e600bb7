import { readFile } from 'node:fs/promises';
import type { Model } from '@tessera/assembler';
import { encodeByWord, stories } from '@tessera/data';

/** Where the tokens of a stream come from. */
export interface StreamText {
  /** Files, one after another; none: generated stories that no training sees. */
  readonly files: readonly string[];
  /** Part of each file, from its end, that is read. */
  readonly held: number;
}

/** Stories of this seed are trained on by no recipe: trainings take the seeds from 1. */
const keptSeed = 0;

/**
 * The first `count` tokens of texts, in the vocabulary of a model. Each story ends with the id that ends a text, as in training.
 * @throws Error when the texts have fewer
 */
export async function streamedTokens(model: Model, { files, held }: StreamText, count: number): Promise<number[]> {
  const { text } = model;
  if (!text) throw new Error('The model has no tokenizer, which a stream of text needs.');
  const encoder = encodeByWord(text.tokenizer);
  const tokens: number[] = [];
  const take = (ids: ArrayLike<number>): void => {
    for (let i = 0; i < ids.length && tokens.length < count; i++) tokens.push(ids[i]!);
  };
  if (files.length === 0) {
    const { eosId } = encoder;
    if (eosId === undefined) throw new Error('The tokenizer names no end of a text, which stands between stories.');
    take([eosId]);
    for (const story of stories({ seed: keptSeed })) {
      take([...Array.from(encoder.encode(story)), eosId]);
      if (tokens.length >= count) return tokens;
    }
  }
  for (const file of files) {
    const whole = await readFile(file, 'utf8');
    take(encoder.encode(whole.slice(Math.floor(whole.length * (1 - held)))));
  }
  if (tokens.length < count)
    throw new Error(
      `The texts have ${tokens.length} tokens, expected ${count}. Give more of them, or a shorter --stream.`,
    );
  return tokens;
}
