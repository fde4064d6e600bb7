import type { Model } from '@tessera/assembler';
import type { ErrorFacts } from '@tessera/tensor-core';
import { UnsupportedOptionError } from '@tessera/tensor-core';

/**
 * Checks that ids mean the same to both models. The larger of two vocabularies may have rows for padding.
 * @throws {@link UnsupportedOptionError} naming the first token that differs, or what is missing
 */
export function checkSameTokens(target: Model, draft: Model): void {
  const refuse = (what: string, facts: ErrorFacts): never => {
    throw new UnsupportedOptionError(
      `The draft model does not read the target's tokens: ${what}. Take a draft model with the same tokenizer.`,
      { facts },
    );
  };
  const [mine, theirs] = [target.text?.tokenizer, draft.text?.tokenizer];
  const [V, other] = [target.spec.vocabSize, draft.spec.vocabSize];
  if (!mine || !theirs) {
    if (V !== other)
      refuse(`its vocabulary has ${other} ids, the target's ${V}`, { vocabSize: V, draftVocabSize: other });
    return;
  }
  const size = Math.max(mine.vocabSize, theirs.vocabSize);
  for (let id = 0; id < size; id++) {
    const [token, drafted] = [mine.idToToken(id), theirs.idToToken(id)];
    if (token !== drafted)
      refuse(`id ${id} is ${show(drafted)} to it, and ${show(token)} to the target`, { id, token, drafted });
  }
}

function show(token: string | undefined): string {
  return token === undefined ? 'no token' : JSON.stringify(token);
}
