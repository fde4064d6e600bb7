import { memorySource } from '@tessera/checkpoints';
import type { Device } from '@tessera/tensor-core';
import { createTrainer } from '@tessera/training';
import type { OptimizerOptions } from '@tessera/training';
import type { Recipe, Tell, Texts } from '../protocol.ts';
import { trainingAssembler } from './assembler.ts';
import { makeTokenizer } from './make-tokenizer.ts';
import { openBatches, openTexts } from './open-texts.ts';
import { publishedConfig } from './published-config.ts';
import { Training } from './training.ts';

/** Makes everything that a training needs: texts, tokenizer, model, optimiser. Tells how far it is, and what was made. */
export async function prepareTraining(
  recipe: Recipe,
  texts: Texts,
  device: Device,
  tell: Tell,
  signal: AbortSignal,
): Promise<Training> {
  tell({ type: 'preparing', doing: 'Opening the texts', ratio: undefined });
  const opened = await openTexts(texts, signal);
  const made = await makeTokenizer(opened.train, recipe.vocabulary, tell, signal);
  const batches = await openBatches(opened, made.encoder, recipe, tell, signal);
  tell({ type: 'preparing', doing: 'Drawing the first weights', ratio: undefined });
  const { steps, seed } = recipe;
  // The trainer works on a copy; what was drawn is let go at once.
  await using drawn = await trainingAssembler.assemblePublished(publishedConfig(recipe, made.tokenizer.vocabSize), {
    device,
    seed,
    signal,
    files: memorySource(made.files),
    text: { tokenizer: made.tokenizer, chatTemplate: undefined },
  });
  const trainer = await createTrainer(drawn, {
    batches: batches.train,
    optimizer: optimizerOf(recipe),
    schedule: { kind: 'cosine', warmup: Math.min(100, Math.floor(steps / 10)), steps, floor: 0.1 },
    seed,
  });
  tell({
    type: 'began',
    model: { parameters: drawn.memory.parameters, contextLength: drawn.contextLength },
    tokens: batches.tokens,
    notice: batches.notice,
  });
  return new Training(trainer, recipe, batches.validation, tell);
}

function optimizerOf({ optimizer: kind, learningRate }: Recipe): OptimizerOptions {
  return { kind, learningRate };
}
