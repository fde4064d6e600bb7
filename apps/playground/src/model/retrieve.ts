import type { Model } from '@tessera/assembler';
import { retrievalsOf, strongestPairs } from '@tessera/mixers-memory-mosaic';
import type { Retrieval } from '../protocol.ts';
import { idsOf } from './ids-of.ts';

/** Tokens whose retrievals are shown: their number counts twice, in what is computed. */
const mostTokens = 256;

/** Pairs of each head and position. */
const strongest = 5;

/** What each head of a model's contextual memories reads in the end of a text. */
export async function retrieve(model: Model, text: string): Promise<Retrieval> {
  const tokenizer = model.text?.tokenizer;
  const all = tokenizer ? tokenizer.encode(text) : idsOf(text);
  const ids = all.slice(-mostTokens);
  const layers = await retrievalsOf(model, ids);
  return {
    tokens: ids.map((id) => tokenizer?.decode([id]) ?? String(id)),
    skipped: all.length - ids.length,
    heads: layers.flatMap((retrieval) =>
      Array.from({ length: retrieval.heads }, (_, head) => ({
        layer: retrieval.layer,
        head,
        positions: ids.map((_, position) => strongestPairs(retrieval, { head, position, count: strongest })),
      })),
    ),
  };
}
