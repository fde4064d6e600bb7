import type { Model } from '@tessera/assembler';
import { FeatureUnavailableError, ShapeError } from '@tessera/tensor-core';
import type { Command } from 'commander';
import { loadModel } from '../load-model.ts';
import { defineCommand } from '../options/define-command.ts';
import type { ModelOptions } from '../options/model-options.ts';
import { addAdapterOption, addDeviceOptions, addModelOption } from '../options/model-options.ts';
import { integerArgument } from '../options/number-arguments.ts';
import { readTextFile } from '../read-text-file.ts';
import { showCount, showSeconds } from '../terminal/numbers.ts';
import { StatusLine } from '../terminal/status-line.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { writeLine } from '../terminal/write-text.ts';
import type { Score } from './score-text.ts';
import { scoreSlices } from './score-text.ts';
import type { Slice } from './slices.ts';
import { slicesOf } from './slices.ts';

const usualContext = 512;

interface EvalArguments extends Omit<ModelOptions, 'contextLength'> {
  readonly model: string;
  readonly context?: number;
  readonly stride?: number;
  readonly json?: boolean;
}

interface FileSlices {
  readonly file: string;
  readonly slices: readonly Slice[];
}

const notes = `
Each text is taken whole and tokenised without special tokens. It is cut into slices of context + 1 tokens, a stride
apart; every token but the first of a slice is scored from those before it, none twice, and the last partial slice is
dropped. A text shorter than one slice is scored as one shorter slice. Loss is the mean of −ln p over the tokens.

Examples:
  tessera eval --model ./my-model book.txt
  tessera eval --model ./my-model a.txt b.txt --context 256 --json`;

/** `tessera eval`: cross-entropy and perplexity of texts. */
export function evalCommand(terminal: Terminal): Command {
  const command = defineCommand('eval', terminal)
    .description('Measure how well a model predicts texts.')
    .argument('<text-file...>', 'files of UTF-8 text');
  addModelOption(command)
    .option(
      '--context <n>',
      `tokens that predict at most (default: ${usualContext}, or the model's context if shorter)`,
      integerArgument(1),
    )
    .option('--stride <n>', 'tokens from one slice to the next (default: the context)', integerArgument(1));
  return addDeviceOptions(addAdapterOption(command))
    .option('--json', 'one line of JSON')
    .addHelpText('after', notes)
    .action((files: string[], given: EvalArguments) => evaluate(files, given, terminal));
}

async function evaluate(files: readonly string[], given: EvalArguments, terminal: Terminal): Promise<void> {
  // Before the weights are loaded, so that a mistyped name costs nothing.
  const texts = await Promise.all(files.map((file) => readTextFile(file, terminal.signal)));
  const model = await loadModel(given.model, { ...given, precompile: false }, terminal); // nothing is generated
  const status = new StatusLine(terminal.stderr);
  try {
    const context = given.context ?? Math.min(usualContext, model.contextLength);
    if (context > model.contextLength)
      await writeLine(terminal.stderr, `note: the model was made for ${model.contextLength} positions.`);
    const stride = given.stride ?? context;
    const parts = files.map((file, index) => ({
      file,
      slices: cut(model, given.model, file, texts[index]!, context, stride),
    }));
    const started = performance.now();
    const scores = await scoreAll(model, parts, terminal, status);
    const seconds = (performance.now() - started) / 1000;
    const settings = { model: given.model, device: model.device.kind, adapter: model.device.name, dtype: model.dtype };
    const perFile = parts.map(({ file }, index) => ({ file, ...summary(scores[index]!) }));
    const whole = summary(sumOf(scores));
    if (given.json) {
      await writeLine(
        terminal.stdout,
        JSON.stringify({ ...settings, context, stride, ...whole, seconds, files: perFile }),
      );
      return;
    }
    if (perFile.length > 1)
      for (const { file, ...score } of perFile) await writeLine(terminal.stdout, `${file}: ${sentence(score)}`);
    await writeLine(terminal.stdout, `${perFile.length > 1 ? 'all: ' : ''}${sentence(whole)}, ${showSeconds(seconds)}`);
  } finally {
    status.clear();
    await model.dispose();
  }
}

function cut(model: Model, source: string, file: string, text: string, context: number, stride: number): Slice[] {
  if (!model.text)
    throw new FeatureUnavailableError(`${source} has no tokenizer.json, so it cannot read text.`, {
      facts: { model: source },
    });
  const slices = slicesOf(model.text.tokenizer.encode(text), context, stride);
  if (slices.length === 0)
    throw new ShapeError(`${file} has fewer than two tokens: there is nothing to predict.`, { facts: { file } });
  return slices;
}

async function scoreAll(
  model: Model,
  parts: readonly FileSlices[],
  { signal }: Terminal,
  status: StatusLine,
): Promise<Score[]> {
  const all = parts.reduce((count, { slices }) => count + tokensOf(slices), 0);
  const started = performance.now();
  const scores: Score[] = [];
  for (const { file, slices } of parts) {
    const before = sumOf(scores).tokens;
    const onScored = ({ tokens }: Score): void =>
      status.update(() => {
        const done = before + tokens;
        const left = (((performance.now() - started) / 1000) * (all - done)) / done;
        return `${file}: ${showCount(done)} of ${showCount(all)} tokens, ${showSeconds(left)} left`;
      });
    scores.push(await scoreSlices(model, slices, signal, onScored));
  }
  return scores;
}

function tokensOf(slices: readonly Slice[]): number {
  return slices.reduce((count, { scored }) => count + scored, 0);
}

function sumOf(scores: readonly Score[]): Score {
  return {
    total: scores.reduce((sum, { total }) => sum + total, 0),
    tokens: scores.reduce((sum, { tokens }) => sum + tokens, 0),
  };
}

interface Summary {
  /** Nats per token. */
  readonly loss: number;
  readonly perplexity: number;
  readonly tokens: number;
}

function summary({ total, tokens }: Score): Summary {
  const loss = total / tokens;
  return { loss, perplexity: Math.exp(loss), tokens };
}

function sentence({ loss, perplexity, tokens }: Summary): string {
  return `loss ${loss.toFixed(4)} nats/token, perplexity ${perplexity.toFixed(2)}, ${showCount(tokens)} tokens`;
}
