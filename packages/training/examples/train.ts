import type { Model } from '@tessera/assembler';
import { batchOf, batchesOf, createTrainer } from '@tessera/training';

/** Trains a model on rows of ids, and gives a model with the new weights. */
export async function train(
  model: Model,
  rows: readonly (readonly number[])[],
  kept: readonly (readonly number[])[],
  log: (line: string) => void,
): Promise<Model> {
  // #region train
  await using trainer = await createTrainer(model, {
    batches: batchesOf(rows, 4), // or a source of @tessera/data
    optimizer: { kind: 'adamw', learningRate: 0.01 },
    schedule: { kind: 'cosine', warmup: 5, steps: 60 },
  });
  for await (const { step, loss } of trainer.train({ until: 60, settleEvery: 20 })) {
    if (step % 20 !== 0) continue;
    const { perplexity } = await trainer.evaluate([batchOf(kept)]);
    log(`step ${step}: loss ${loss.toFixed(2)}, perplexity of other texts ${perplexity.toFixed(1)}`);
  }
  return await trainer.model();
  // #endregion train
}
