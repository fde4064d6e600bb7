import type { Model } from '@tessera/assembler';
import { isTesseraError } from '@tessera/tensor-core';

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

/** Texts that a device continues together, each row by options of its own. */
export async function continueTogether(model: Model, prompts: readonly (readonly number[])[]): Promise<number[][]> {
  // #region choices
  using session = await model.session({ batch: prompts.length, capacity: 64 });
  await session.read(prompts.map((ids) => ids.slice(0, -1))); // the last ones begin the choices
  const rows = prompts.map((prompt, row) => ({
    history: { prompt, generated: [], row },
    options: { temperature: 0.5 + row, seed: 7 },
  }));
  using choices = await session.choices(rows, 8);
  const steps: number[][] = [];
  while (steps.length < 8) steps.push(await choices.next()); // an id for each row
  // #endregion choices
  return steps;
}

/** Generates, whatever becomes of the GPU meanwhile. */
export async function generateAnyway(model: Model, prompt: readonly number[]): Promise<readonly number[]> {
  // #region reload
  for (;;) {
    try {
      return (await model.generate(prompt, { maxNewTokens: 4 })).newTokenIds;
    } catch (error) {
      if (!isTesseraError(error) || error.code !== 'DEVICE_LOST') throw error;
      await model.reload(); // on another device of the backend, with the weights from where they came
    }
  }
  // #endregion reload
}

/** Writes a model and tells what is in the directory. */
export async function saveModel(model: Model, directory: string): Promise<void> {
  // #region save
  await model.save(directory, { dtype: 'bf16' });
  // #endregion save
}
