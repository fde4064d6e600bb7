import type { Model } from '@tessera/assembler';
import { createLora } from '@tessera/lora';
import { batchesOf, createTrainer } from '@tessera/training';

/** Trains an adapter on rows of ids and writes it to a directory; the model stays as it is. */
export async function train(model: Model, rows: readonly (readonly number[])[], directory: string): Promise<number> {
  let last = Number.NaN;
  // #region train
  using lora = await createLora(model, { rank: 4, alpha: 8, targets: ['q_proj', 'v_proj'] });
  await using trainer = await createTrainer(model, {
    adapter: lora, // A and B are trained, the weights of the model are only read
    batches: batchesOf(rows, 4),
    optimizer: { kind: 'adamw', learningRate: 0.02 },
  });
  for await (const { loss } of trainer.train({ until: 30 })) last = loss;
  await lora.take(trainer.state.params);
  await lora.save(directory); // or saveTraining, to go on later
  // #endregion train
  return last;
}
