import { selectToken, topLogprobs, validateSamplingOptions } from '@tessera/sampling';

/** Chooses tokens for one row until one of them ends the text. */
export function choose(prompt: number[], next: (ids: number[]) => Float32Array): number[] {
  const generated: number[] = [];
  // #region choose
  const options = validateSamplingOptions({ temperature: 0.8, topP: 0.95, repetitionPenalty: 1.1, seed: 7 });
  for (let step = 0; step < 8; step++) {
    const logits = next([...prompt, ...generated]);
    const { id, logprob } = selectToken(logits, { prompt, generated, endIds: [2] }, options);
    if (logprob < -20) console.warn('An unlikely token; these were likelier:', topLogprobs(logits, 3));
    generated.push(id);
    if (id === 2) break;
  }
  // #endregion choose
  return generated;
}
