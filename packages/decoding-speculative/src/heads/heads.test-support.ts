import type { Model } from '@tessera/assembler';
import { batchesOf, createTrainer } from '@tessera/training';
import type { MedusaHeadsOptions } from './heads-config.ts';
import { createMedusaHeads } from './create-heads.ts';
import type { MedusaHeads } from './medusa-heads.ts';

/** Heads with weights that no training would give. */
export async function randomHeads(model: Model, options: MedusaHeadsOptions = {}): Promise<MedusaHeads> {
  const heads = await createMedusaHeads(model, options);
  let state = 7;
  const draw = (): number => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647 - 0.5;
  };
  for (const tensor of Object.values(heads.tensors))
    model.device.write(tensor, Float32Array.from({ length: tensor.size }, draw));
  return heads;
}

/** Trains heads on rows of text, a batch of all of them each step; tells the first loss and the last one. */
export async function train(
  heads: MedusaHeads,
  rows: readonly (readonly number[])[],
  steps: number,
): Promise<{ readonly first: number; readonly last: number }> {
  await using trainer = await createTrainer(heads.model, {
    adapter: heads,
    batches: batchesOf(rows, rows.length),
    optimizer: { kind: 'adamw', learningRate: 0.02, weightDecay: 0 },
  });
  const losses: number[] = [];
  for await (const { loss } of trainer.train({ until: steps })) losses.push(loss);
  await heads.take(trainer.state.params);
  return { first: losses[0]!, last: losses.at(-1)! };
}
