import { storySource } from '@tessera/data';
import type { TextEncoderToIds } from '@tessera/data';
import type { TrainingBatch } from '@tessera/training';
import type { RunPlan } from './experiment.ts';

const [rows, context] = [64, 256];

/** Stories of this seed are only evaluated on; trainings take the seeds after it. */
const keptSeed = 0;

/** Language modelling on generated stories, with models of about as many parameters as each other. */
export async function storyPlans(encoder: TextEncoderToIds): Promise<StoryPlan> {
  const kept = storySource(encoder, { rows, context, seed: keptSeed });
  const validation: TrainingBatch[] = [];
  for (let taken = 0; taken < 8; taken++) validation.push((await kept.next())!);
  return (mixer, seed, steps = 800) => ({
    mixer,
    seed,
    steps,
    learningRate: 0.004,
    shape: { vocabSize: encoder.vocabSize, width: 128, layers: 4, heads: 4, context: 512, parameters: 900_000 },
    batches: () => storySource(encoder, { rows, context, seed: keptSeed + 1 + seed }),
    measure: async (trainer) => ({ validationLoss: (await trainer.evaluate(validation)).loss }),
  });
}

/** A training on stories, of a mixer and a seed. */
export type StoryPlan = (mixer: string, seed: number, steps?: number) => RunPlan;
