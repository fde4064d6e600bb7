import type { Model } from '@tessera/assembler';
import { retrievalsOf, strongestPairs } from '@tessera/mixers-memory-mosaic';
import type { LayerRetrieval, RetrievedPair } from '@tessera/mixers-memory-mosaic';
import { FeatureUnavailableError } from '@tessera/tensor-core';
import { textTable } from '../terminal/text-table.ts';

/** What the heads of a model's contextual memories retrieve for a text. */
export interface RetrievalReport {
  readonly tokenIds: readonly number[];
  /** Texts of those tokens; null for a model without a tokenizer. */
  readonly tokens: readonly string[] | null;
  readonly heads: readonly {
    readonly layer: number;
    readonly head: number;
    /** For each position the pairs that it reads most. */
    readonly positions: readonly (readonly RetrievedPair[])[];
  }[];
}

/**
 * Runs a model over a text and reports what each head retrieves.
 * @param top - pairs of each position
 * @throws FeatureUnavailableError for a text and a model without a tokenizer, or a model without contextual memories
 */
export async function reportRetrieval(
  model: Model,
  text: string | readonly number[],
  top: number,
): Promise<RetrievalReport> {
  const tokenizer = model.text?.tokenizer;
  if (typeof text === 'string' && !tokenizer)
    throw new FeatureUnavailableError(
      '--retrieval takes a text, and this checkpoint has no tokenizer. Give --retrieval-ids, such as 1,2,3.',
    );
  const tokenIds = typeof text === 'string' ? tokenizer!.encode(text) : text;
  const retrievals = await retrievalsOf(model, tokenIds);
  return {
    tokenIds: [...tokenIds],
    tokens: tokenizer ? tokenIds.map((id) => tokenizer.decode([id])) : null,
    heads: retrievals.flatMap((retrieval) =>
      Array.from({ length: retrieval.heads }, (_, head) => ({
        layer: retrieval.layer,
        head,
        positions: positionsOf(retrieval, head, top),
      })),
    ),
  };
}

function positionsOf(retrieval: LayerRetrieval, head: number, count: number): RetrievedPair[][] {
  return Array.from({ length: retrieval.length }, (_, position) =>
    strongestPairs(retrieval, { head, position, count }),
  );
}

/** What is retrieved at the last position, as a table: each pair by the token of its key and the one that followed. */
export function retrievalText({ tokenIds, tokens, heads }: RetrievalReport): string {
  const last = tokenIds.length - 1;
  const shown = (position: number): string => {
    const token = tokens?.[position];
    return token === undefined ? String(tokenIds[position] ?? '') : JSON.stringify(token);
  };
  const rows = heads.map(({ layer, head, positions }) => [
    String(layer),
    String(head),
    (positions[last] ?? [])
      .map(({ position, weight }) => `${weight.toFixed(2)} at ${position}: ${shown(position)} → ${shown(position + 1)}`)
      .join('   '),
  ]);
  return `what each head reads at position ${last}, ${shown(last)}\n\n${textTable(['layer', 'head', 'pairs by weight'], rows)}`;
}
