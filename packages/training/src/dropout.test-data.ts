import type { ModelSpec } from '@tessera/plugin';
import type { Device } from '@tessera/tensor-core';
import { createTrainer } from './create-trainer.ts';
import { assembler, spec, usual } from './test-models.test-data.ts';
import type { TrainerOptions } from './trainer-options.ts';

/** Probabilities of dropout, by what is dropped. */
interface Probabilities {
  readonly embedding?: number;
  readonly residual?: number;
  readonly attention?: number;
}

/** The model of the tests with dropout. */
export function dropoutSpec({ embedding, residual, attention }: Probabilities, of: ModelSpec = spec): ModelSpec {
  return {
    ...of,
    ...(embedding !== undefined && { embedding: { dropout: embedding } }),
    layers: of.layers.map((layer) => ({
      ...layer,
      ...(residual !== undefined && { residualDropout: residual }),
      ...(attention !== undefined && {
        mixer: { ...layer.mixer!, config: { ...(layer.mixer!.config as object), dropout: attention } },
      }),
    })),
  };
}

/** Losses and gradient norms of the first three steps. */
export async function lossesWith(
  device: Device,
  given: ModelSpec,
  options: Partial<TrainerOptions> = {},
): Promise<number[]> {
  await using model = await assembler.assemble(given, { device, seed: 1 });
  await using trainer = await createTrainer(model, usual(options));
  const made: number[] = [];
  for await (const { loss, gradientNorm } of trainer.train({ until: 3 })) made.push(loss, gradientNorm);
  return made;
}
