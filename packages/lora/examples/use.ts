import type { Model } from '@tessera/assembler';
import { loadLora } from '@tessera/lora';

/** Runs a model with an adapter, then merges it and saves a plain checkpoint. */
export async function use(model: Model, adapter: string, merged: string): Promise<string[]> {
  const prompt = [1, 4, 13];
  // #region use
  const lora = await loadLora(model, adapter); // a directory that PEFT or Tessera wrote
  await using view = lora.view(); // the weights as they are, the change beside them
  const { newTokenIds } = await view.generate(prompt, { maxNewTokens: 3 });
  await lora.merge(); // into the weights of the model
  await model.save(merged);
  // #endregion use
  const again = await model.generate(prompt, { maxNewTokens: 3 });
  return [newTokenIds, again.newTokenIds].map((ids) => ids.join());
}
