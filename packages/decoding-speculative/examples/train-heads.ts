import type { GenerateResult, Model } from '@tessera/assembler';
import type { FileSink } from '@tessera/checkpoints';
import {
  createMedusaHeads,
  headAccuracy,
  loadMedusaHeads,
  medusaHeads,
  speculative,
} from '@tessera/decoding-speculative';
import type { BatchSource, TrainingBatch } from '@tessera/training';
import { createTrainer } from '@tessera/training';

/** Trains draft heads of a model on texts, saves them, and tells how often they are right about other texts. */
export async function train(
  model: Model,
  texts: BatchSource,
  others: readonly TrainingBatch[],
  directory: string | FileSink,
): Promise<readonly number[]> {
  // #region train
  using heads = await createMedusaHeads(model, { heads: 3 });
  await using trainer = await createTrainer(model, {
    adapter: heads, // the model stays as it is
    batches: texts,
    optimizer: { kind: 'adamw', learningRate: 0.01 },
    schedule: { kind: 'cosine', warmup: 10, steps: 150 },
  });
  for await (const { step, loss } of trainer.train({ until: 150 }))
    if (step % 50 === 0) console.log(`step ${step}: loss ${loss.toFixed(2)}`);
  await heads.take(trainer.state.params);
  await heads.save(directory, { dtype: 'bf16' });
  return await headAccuracy(heads, others);
  // #endregion train
}

/** Generates a text with heads that were saved. */
export async function generate(
  model: Model,
  prompt: string | readonly number[],
  files: Parameters<typeof loadMedusaHeads>[1],
): Promise<GenerateResult> {
  // #region generate
  using heads = await loadMedusaHeads(model, files);
  const decoder = speculative({ draft: medusaHeads(heads, { tree: [[0], [0, 0], [1]] }) });
  return await model.generate(prompt, { maxNewTokens: 60, decoder });
  // #endregion generate
}
