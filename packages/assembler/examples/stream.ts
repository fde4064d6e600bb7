import type { Model } from '@tessera/assembler';

/** Shows a text while it is made, and gives up after a while. */
export async function streamText(model: Model, prompt: string, show: (text: string) => void): Promise<void> {
  // #region stream
  const signal = AbortSignal.timeout(60_000); // the stream rejects with `signal.reason`
  for await (const event of model.stream(prompt, { temperature: 0.8, topP: 0.95, seed: 7, maxNewTokens: 12, signal })) {
    show(event.text);
    if (event.type === 'end') show(` (${event.result.finishReason})`);
  }
  // #endregion stream
}

/** The likeliest next token of two sequences that are read together. */
export async function nextTokens(model: Model): Promise<number[]> {
  // #region session
  using session = await model.session({ batch: 2, capacity: 64 });
  const logits = await session.feed([
    [1, 2, 3],
    [4, 5],
  ]); // [2, vocabSize]: after the last token of each row
  const { vocabSize } = model.spec;
  const best = [0, 1].map((row) => {
    const own = logits.subarray(row * vocabSize, (row + 1) * vocabSize);
    return own.indexOf(Math.max(...own));
  });
  await session.feed(best.map((id) => [id])); // and so on
  // #endregion session
  return best;
}

/** Writes a model and tells what is in the directory. */
export async function saveModel(model: Model, directory: string): Promise<void> {
  // #region save
  await model.save(directory, { dtype: 'bf16' });
  // #endregion save
}
