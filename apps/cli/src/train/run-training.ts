import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Model } from '@tessera/assembler';
import type { MedusaHeads } from '@tessera/decoding-speculative';
import { headAccuracy } from '@tessera/decoding-speculative';
import type { Lora } from '@tessera/lora';
import { NumericalError } from '@tessera/tensor-core';
import { createTrainer, resumeTraining, saveTraining } from '@tessera/training';
import type { Evaluation, Trainer, TrainerOptions } from '@tessera/training';
import type { DeviceOptions } from '../devices/device-of.ts';
import { showCount, showSeconds } from '../terminal/numbers.ts';
import { StatusLine } from '../terminal/status-line.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { writeLine } from '../terminal/write-text.ts';
import { copyTokenizer } from './copy-tokenizer.ts';
import { headsOf } from './heads-recipe.ts';
import { lossCurve, smoothed, sparkline } from './loss-curve.ts';
import { loraOf } from './lora-recipe.ts';
import { MetricsFile } from './metrics-file.ts';
import { openDevice, openModel } from './open-model.ts';
import type { OpenedTexts } from './open-texts.ts';
import { openTexts } from './open-texts.ts';
import type { Recipe } from './recipe.ts';
import { optimizerOf, scheduleOf, writeRecipe } from './recipe.ts';

/** What is asked for beside the recipe. */
export interface RunOptions extends DeviceOptions {
  /** Directory that is written. */
  readonly out: string;
  /** Goes on with the training in `out`. */
  readonly resume?: boolean;
  readonly json?: boolean;
}

/** Trains by a recipe, and writes model, training, metrics and curve to a directory. Ctrl-C saves. */
export async function runTraining(recipe: Recipe, options: RunOptions, terminal: Terminal): Promise<void> {
  const { signal } = terminal;
  const status = new StatusLine(terminal.stderr);
  const device = await openDevice(options, terminal);
  try {
    const isAdapter = recipe.loraRank !== undefined || recipe.heads !== undefined;
    const source = options.resume && !isAdapter ? options.out : recipe.model;
    const opened = await openModel(recipe, { device, source }, terminal);
    const { model, encoder, tokenizer } = opened;
    const texts = await openTexts(recipe, encoder, { signal, status });
    status.clear();
    using heads = await headsOf(recipe, model);
    using adapter = heads ?? (await loraOf(recipe, model));
    await using trainer = await openTrainer(recipe, options, model, adapter, texts.train);
    await mkdir(options.out, { recursive: true });
    await writeRecipe(options.out, recipe);
    const metrics = await MetricsFile.open(options.out, trainer.step);
    await writeLine(
      terminal.stderr,
      `${showCount(model.memory.parameters)} parameters on ${device.name}, ${adapter ? `${showCount(parametersOf(adapter))} of ${heads ? 'draft heads' : 'an adapter'}, ` : ''}${texts.tokens === Infinity ? 'stories without end' : `${showCount(texts.tokens)} tokens of text`}, step ${trainer.step} of ${recipe.steps}`,
    );
    const save = async (isBest: boolean): Promise<void> => {
      const { dtype, keep } = recipe;
      await saveTraining(trainer, options.out, { dtype, model: keep === 'last' || isBest });
      if (tokenizer) await copyTokenizer(tokenizer, options.out);
    };
    const { evaluated } = await trainSteps({
      recipe,
      trainer,
      metrics,
      status,
      terminal,
      save,
      validation: texts.validation,
    });
    status.clear();
    await writeFile(join(options.out, 'loss.svg'), lossCurve(metrics.metrics, `${options.out}: loss`));
    const loss = smoothed(
      metrics.metrics.flatMap((metric) => metric.loss ?? []),
      0.95,
    ).at(-1);
    const { step, tokens } = trainer.progress;
    const accuracy = heads && texts.validation && (await accuracyOf(heads, trainer, texts.validation, signal));
    const line = options.json
      ? JSON.stringify({
          out: options.out,
          device: device.kind,
          adapter: device.name,
          step,
          tokens,
          loss,
          validationLoss: evaluated?.loss,
          bestValidationLoss: evaluated && metrics.lowestValidationLoss,
          ...(heads ? { headAccuracy: accuracy } : { perplexity: evaluated?.perplexity }),
        })
      : `${options.out}: step ${step}, loss ${loss?.toFixed(4)}${evaluated ? `, validation loss ${evaluated.loss.toFixed(4)}, ${accuracy ? `heads right ${accuracy.map((part) => `${(100 * part).toFixed(1)} %`).join(', ')}` : `perplexity ${evaluated.perplexity.toFixed(2)}`}` : ''}`;
    await writeLine(terminal.stdout, line);
  } finally {
    status.clear();
    device.dispose();
  }
}

interface Steps {
  readonly recipe: Recipe;
  readonly trainer: Trainer;
  readonly metrics: MetricsFile;
  readonly status: StatusLine;
  readonly terminal: Terminal;
  readonly validation: Parameters<Trainer['evaluate']>[0] | undefined;
  /** @param isBest - whether the weights have the lowest validation loss so far */
  save(isBest: boolean): Promise<void>;
}

async function trainSteps(call: Steps): Promise<{ readonly evaluated: Evaluation | undefined }> {
  const { recipe, trainer, metrics, status, terminal, validation, save } = call;
  const { steps: until, saveEvery } = recipe;
  const { signal } = terminal;
  let evaluated: Evaluation | undefined;
  let lowest = metrics.lowestValidationLoss;
  let saved = -1;
  const started = performance.now();
  const first = trainer.step;
  const losses = metrics.metrics.flatMap(({ loss }) => loss ?? []);
  try {
    for await (const event of trainer.train({ until, signal, settleEvery: saveEvery })) {
      const { step, loss, tokensPerSecond } = event;
      await metrics.add(event);
      losses.push(loss);
      status.update(() => {
        const perStep = (performance.now() - started) / 1000 / (step - first);
        const mean = smoothed(losses, 0.95).at(-1)!;
        return `step ${step} of ${until}  loss ${mean.toFixed(3)} ${sparkline(losses)}  ${showCount(Math.round(tokensPerSecond))} tokens/s, ${showSeconds(perStep * (until - step))} left`;
      });
      if (step % saveEvery !== 0 && step !== until) continue;
      if (validation && !signal.aborted) {
        evaluated = await trainer.evaluate(validation);
        const { loss: validationLoss, perplexity } = evaluated;
        // The loss of heads is a sum over several tokens.
        await metrics.add({ step, validationLoss, ...(recipe.heads === undefined && { perplexity }) });
      }
      const isBest = evaluated !== undefined && evaluated.loss < lowest;
      if (isBest) lowest = evaluated!.loss;
      await save(isBest);
      saved = step;
    }
  } catch (error) {
    status.clear();
    // Ctrl-C, or a loss that is no number: what was learned until then is kept.
    if ((signal.aborted || error instanceof NumericalError) && trainer.step > first) {
      if (trainer.step > saved) await save(lowest === Infinity);
      await writeLine(terminal.stderr, `Saved after step ${trainer.step}. Go on with --resume.`);
    }
    throw error;
  }
  return { evaluated };
}

function openTrainer(
  recipe: Recipe,
  { out, resume }: RunOptions,
  model: Model,
  adapter: Lora | MedusaHeads | undefined,
  batches: TrainerOptions['batches'],
): Promise<Trainer> {
  const { accumulate, recompute, seed } = recipe;
  const settings: TrainerOptions = {
    batches,
    adapter,
    optimizer: optimizerOf(recipe),
    schedule: scheduleOf(recipe),
    clip: recipe.clip === 0 ? false : recipe.clip,
    accumulate,
    recompute,
    seed,
  };
  return resume ? resumeTraining(model, out, settings) : createTrainer(model, settings);
}

/** How often each head is right about texts that are kept apart, with what was trained. */
async function accuracyOf(
  heads: MedusaHeads,
  trainer: Trainer,
  validation: NonNullable<OpenedTexts['validation']>,
  signal: AbortSignal,
): Promise<readonly number[]> {
  await heads.take(trainer.state.params);
  return headAccuracy(heads, validation, { signal });
}

function parametersOf({ tensors }: Lora | MedusaHeads): number {
  return Object.values(tensors).reduce((total, { size }) => total + size, 0);
}
