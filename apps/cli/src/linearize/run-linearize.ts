import { mkdir } from 'node:fs/promises';
import type { Model } from '@tessera/assembler';
import { groupedLinearAttention } from '@tessera/attention-linear';
import { linearize, withDrawn } from '@tessera/linearize';
import type { Lora } from '@tessera/lora';
import type { AnyMixer } from '@tessera/plugin';
import type { Tensor } from '@tessera/tensor-core';
import { PluginError, UnsupportedOptionError, materialize } from '@tessera/tensor-core';
import { createTrainer } from '@tessera/training';
import type { Adapter, TrainerOptions, TrainingBatch } from '@tessera/training';
import type { DeviceOptions } from '../devices/device-of.ts';
import { cliAssembler } from '../load-model.ts';
import { plugins } from '../plugins.ts';
import { showSeconds } from '../terminal/numbers.ts';
import { StatusLine } from '../terminal/status-line.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { writeLine } from '../terminal/write-text.ts';
import { copyTokenizer } from '../train/copy-tokenizer.ts';
import { loraOf } from '../train/lora-recipe.ts';
import { openDevice, openModel } from '../train/open-model.ts';
import { openTexts } from '../train/open-texts.ts';
import type { Recipe } from '../train/recipe.ts';
import { optimizerOf, scheduleOf } from '../train/recipe.ts';

/** What is asked for beside the recipe. */
export interface LinearizeOptions extends DeviceOptions {
  /** Directory that is written. */
  readonly out: string;
  /** By its full name, or what follows the colon. @defaultValue grouped linear attention */
  readonly mixer?: string;
  /** Settings of it. */
  readonly config?: object;
  /** @defaultValue all with softmax attention */
  readonly layers?: readonly number[];
  readonly json?: boolean;
}

/** Validation losses of the three models. */
interface Losses {
  softmax: number;
  swapped: number;
  tuned: number;
}

/** Swaps, fine-tunes, compares and saves. Zero steps: the swap alone. */
export async function runLinearize(
  recipe: Recipe & { readonly model: string },
  { out, mixer: name = groupedLinearAttention.name, config, layers, json, ...devices }: LinearizeOptions,
  terminal: Terminal,
): Promise<void> {
  const { signal, stderr, stdout } = terminal;
  if (recipe.validation === 0)
    throw new UnsupportedOptionError('--validation is 0, and models are compared by their validation loss. Keep a part apart.'); // prettier-ignore
  const mixer = mixerOf(name);
  const status = new StatusLine(stderr);
  const device = await openDevice(devices, terminal);
  try {
    const { loraRank: _, ...whole } = recipe; // The weights are read in 32 bits, whatever learns.
    const { model: source, encoder, tokenizer } = await openModel(whole, { device, source: recipe.model }, terminal);
    const texts = await openTexts(recipe, encoder, { signal, status });
    status.clear();
    const validation = texts.validation!;
    const settings = settingsOf({ ...recipe, steps: Math.max(recipe.steps, 1) }, texts.train);
    const softmax = await lossOf(source, settings, validation);
    const { model, copied, drawn } = await linearize(source, {
      assembler: cliAssembler(),
      mixer,
      config,
      layers,
      seed: recipe.seed,
      signal,
    });
    const files = tokenizer ?? source.origin?.source;
    await source.dispose();
    const swapped = await lossOf(model, settings, validation);
    await writeLine(stderr, `${copied.length} tensors copied, ${drawn.length} drawn; validation loss ${softmax.toFixed(4)} with softmax attention, ${swapped.toFixed(4)} after the swap`); // prettier-ignore
    const tuned = recipe.steps === 0 ? swapped : await tune({ model, drawn, recipe, settings, validation, status, signal }); // prettier-ignore
    await mkdir(out, { recursive: true });
    await model.save(out, { dtype: recipe.dtype, signal });
    if (files) await copyTokenizer(files, out);
    await report({ softmax, swapped, tuned });
  } finally {
    status.clear();
    device.dispose();
  }

  async function report(losses: Losses): Promise<void> {
    const { softmax, swapped, tuned } = losses;
    const recovered = (swapped - tuned) / (swapped - softmax);
    const line = json
      ? JSON.stringify({ out, mixer: mixer.name, device: device.kind, adapter: device.name, steps: recipe.steps, validationLoss: losses, recovered }) // prettier-ignore
      : `${out}: validation loss ${softmax.toFixed(4)} with softmax attention, ${swapped.toFixed(4)} after the swap, ${tuned.toFixed(4)} after ${recipe.steps} steps`;
    await writeLine(stdout, line);
  }
}

/** @throws {@link PluginError} naming the mixers that there are */
function mixerOf(name: string): AnyMixer {
  const mixers = plugins.flatMap(({ mixers: known = [] }) => known);
  const found = mixers.find((mixer) => mixer.name === name || mixer.name.endsWith(`:${name}`));
  if (found) return found;
  throw new PluginError(
    `--mixer is ${JSON.stringify(name)}, expected ${mixers.map((mixer) => mixer.name.slice(mixer.name.indexOf(':') + 1)).join(', ')}.`,
    { facts: { option: 'mixer', value: name } },
  );
}

type Settings = Omit<TrainerOptions, 'adapter'>;

function settingsOf(recipe: Recipe, batches: TrainerOptions['batches']): Settings {
  const { accumulate, recompute, seed, clip } = recipe;
  return {
    batches,
    optimizer: optimizerOf(recipe),
    schedule: scheduleOf(recipe),
    clip: clip === 0 ? false : clip,
    accumulate,
    recompute,
    seed,
  };
}

async function lossOf(model: Model, settings: Settings, validation: readonly TrainingBatch[]): Promise<number> {
  // Nothing is trained: no optimiser remembers anything.
  await using trainer = await createTrainer(model, { ...settings, optimizer: { kind: 'sgd', learningRate: 0 } });
  return (await trainer.evaluate(validation)).loss;
}

interface TuneCall {
  readonly model: Model;
  readonly drawn: readonly string[];
  readonly recipe: Recipe;
  readonly settings: Settings;
  readonly validation: readonly TrainingBatch[];
  readonly status: StatusLine;
  readonly signal: AbortSignal;
}

/** Fine-tunes the model, whose weights are those of the end. */
async function tune({ model, drawn, recipe, settings, validation, status, signal }: TuneCall): Promise<number> {
  using lora: Lora | undefined = await loraOf(recipe, model);
  const adapter: Adapter | undefined = lora && withDrawn(lora, model, drawn);
  await using trainer = await createTrainer(model, { ...settings, adapter });
  const started = performance.now();
  for await (const { step, loss } of trainer.train({ until: recipe.steps, signal }))
    status.update(() => {
      const left = ((performance.now() - started) / 1000 / step) * (recipe.steps - step);
      return `step ${step} of ${recipe.steps}  loss ${loss.toFixed(3)}  ${showSeconds(left)} left`;
    });
  status.clear();
  const { loss } = await trainer.evaluate(validation);
  const trained: Readonly<Record<string, Tensor>> = trainer.state.params;
  const made = adapter ? adapter.apply(model.params, trained) : trained;
  for (const [path, tensor] of Object.entries(made)) {
    if (tensor === model.params[path]) continue;
    using value = tensor.source.kind === 'node' ? await materialize(tensor, model.device) : undefined;
    model.overwrite(path, (await model.device.read(value ?? tensor)) as Float32Array);
  }
  return loss;
}
