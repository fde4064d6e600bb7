import type { Model, TokenDecoder } from '@tessera/assembler';
import { draftModel, promptLookup, speculative } from '@tessera/decoding-speculative';
import { UnsupportedOptionError } from '@tessera/tensor-core';
import { WatchedDrafts } from './watched-drafts.ts';

/** Last tokens of a text among which look-ups search: a stream without end is not searched as a whole. */
const lookBack = 4096;

/** Decodes one text by drafts, and tells what becomes of them. */
export interface WatchedDecoder {
  readonly decoder: TokenDecoder;
  readonly drafts: WatchedDrafts;
}

// #region speculate
/**
 * A decoder for one text.
 * @param draft - the model that proposes, if one was loaded
 * @throws {@link UnsupportedOptionError} when it is to propose and there is none
 */
export function speculate(wish: 'lookup' | 'draft', draft: Model | undefined): WatchedDecoder {
  if (wish === 'draft' && !draft)
    throw new UnsupportedOptionError('There is no model that proposes. Choose one, or look-ups.');
  const drafts = new WatchedDrafts(wish === 'draft' ? draftModel(draft!) : promptLookup({ lookBack }));
  return { decoder: speculative({ draft: drafts.source }), drafts };
}
// #endregion speculate
