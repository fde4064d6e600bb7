import type { Command } from 'commander';
import { loadModel } from '../load-model.ts';
import { defineCommand } from '../options/define-command.ts';
import type { ModelOptions } from '../options/model-options.ts';
import { addModelOption, addModelOptions } from '../options/model-options.ts';
import { idsArgument, integerArgument } from '../options/number-arguments.ts';
import type { LoadedDecoder, SpeculativeOptions } from '../options/speculative-options.ts';
import { addSpeculativeOption, decoderOf } from '../options/speculative-options.ts';
import type { SamplingArguments } from '../options/sampling-options.ts';
import { addSamplingOptions, generateOptionsOf } from '../options/sampling-options.ts';
import type { StreamOptions } from '../options/stream-options.ts';
import { addStreamOptions, cachePolicyOf } from '../options/stream-options.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { isInteractive } from '../terminal/terminal.ts';
import { writeLine, writeText } from '../terminal/write-text.ts';
import { generationSummary } from './generation-summary.ts';
import type { PromptArguments } from './read-prompt.ts';
import { readPrompt } from './read-prompt.ts';
import { streamGeneration } from './stream-generation.ts';

interface GenerateArguments
  extends ModelOptions, SamplingArguments, StreamOptions, SpeculativeOptions, PromptArguments {
  readonly model: string;
  readonly logprobs?: number;
  readonly addSpecialTokens?: boolean;
  readonly parseSpecial?: boolean;
  readonly json?: boolean;
}

const examples = String.raw`
Examples:
  tessera generate --model ./my-model --prompt "Once upon a time" --temperature 0.8 --seed 7
  tessera generate --model ./my-model --prompt "ROMEO:\n" --escapes --max-new-tokens 64
  tessera generate --model ./my-model --prompt-ids 1,2,3 --logprobs 5 --json
  tessera generate --model ./my-model --prompt "Once" --sinks 4 --window 1020 --max-new-tokens 100000
  tessera generate --model ./my-model --prompt "Once" --speculative draft=./smaller-model
  tessera generate --model ./my-model --prompt "Once" --speculative heads=./my-heads
  cat letter.txt | tessera generate --model ./my-model --prompt-file -`;

/** `tessera generate`: continues a prompt. */
export function generateCommand(terminal: Terminal): Command {
  const command = defineCommand('generate', terminal).description(
    'Continue a prompt. The text goes to standard output as it comes.',
  );
  addModelOption(command)
    .option('-p, --prompt <text>', 'text to continue')
    .option('-f, --prompt-file <file>', 'file with the text to continue, taken whole; - is standard input')
    .option('--prompt-ids <ids>', 'token ids to continue, such as 1,2,3', idsArgument)
    .option('--add-special-tokens', 'begin a text prompt as the tokenizer wants it, with a beginning-of-sequence token')
    .option('--parse-special', 'special tokens that the prompt spells are meant as such');
  addSamplingOptions(command)
    .option(
      '--logprobs <n>',
      'log-probabilities of each token and of the n most likely ones, with --json',
      integerArgument(0),
    )
    .option('--json', 'one line of JSON with text, ids, usage and timings');
  return addModelOptions(addSpeculativeOption(addStreamOptions(command)))
    .addHelpText('after', examples)
    .action((given: GenerateArguments) => generate(given, command, terminal));
}

async function generate(given: GenerateArguments, command: Command, terminal: Terminal): Promise<void> {
  const { json = false, logprobs, addSpecialTokens, parseSpecial } = given;
  if (logprobs !== undefined && !json) command.error('error: --logprobs is only shown with --json.');
  const prompt = await readPrompt(given, command, terminal);
  const options = {
    ...generateOptionsOf(given),
    signal: terminal.signal,
    ...(logprobs !== undefined && { logprobs }),
    ...(addSpecialTokens && { addSpecialTokens }),
    ...(parseSpecial && { parseSpecial }),
  };
  const model = await loadModel(given.model, { ...given, cachePolicy: cachePolicyOf(given) }, terminal);
  let speculation: LoadedDecoder | undefined;
  try {
    speculation = await decoderOf(given, model, terminal);
    const { decoder } = speculation;
    const onText = async (text: string): Promise<void> => {
      if (!json) await writeText(terminal.stdout, text);
    };
    const { result, aborted } = await streamGeneration(model, prompt, { ...options, decoder }, onText);
    if (json) {
      const { device, dtype } = model;
      const made = { ...result, device: device.kind, adapter: device.name, dtype, model: given.model };
      await writeLine(terminal.stdout, JSON.stringify(made));
      // In a file or a pipe the text stays as it is.
    } else if (isInteractive(terminal.stdout) && !result.text.endsWith('\n')) await writeLine(terminal.stdout);
    await writeLine(terminal.stderr, generationSummary(model, result));
    if (aborted) throw aborted.reason;
  } finally {
    await speculation?.dispose();
    await model.dispose();
  }
}
