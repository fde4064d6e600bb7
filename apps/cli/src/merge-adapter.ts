import type { Model } from '@tessera/assembler';
import { loadLora } from '@tessera/lora';

/** Merges an adapter into the weights of a model, which is disposed when it does not fit. */
export async function mergeAdapter(model: Model, adapter: string, signal: AbortSignal): Promise<void> {
  try {
    const lora = await loadLora(model, adapter, { signal });
    await lora.merge();
  } catch (error) {
    await model.dispose();
    throw error;
  }
}
