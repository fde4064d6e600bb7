import type { Command } from 'commander';
import { cliAssembler, loadModel } from '../load-model.ts';
import { defineCommand } from '../options/define-command.ts';
import { idsArgument, integerArgument } from '../options/number-arguments.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { writeLine } from '../terminal/write-text.ts';
import { describe } from './description.ts';
import { capabilityText, printDescription } from './print-description.ts';
import { reportRetrieval, retrievalText } from './retrieval.ts';
import { readTokenizerFacts } from './tokenizer-facts.ts';

interface InspectArguments {
  readonly contextLength?: number;
  readonly capabilities?: boolean;
  readonly retrieval?: string;
  readonly retrievalIds?: readonly number[];
  readonly top: number;
  readonly json?: boolean;
}

const examples = `
Examples:
  tessera inspect ./my-model
  tessera inspect ./my-model --context-length 32768 --json
  tessera inspect ./my-mosaic --retrieval "Once upon a time there was" --top 3
  tessera inspect --capabilities`;

/** `tessera inspect`: what a checkpoint is, from everything but its weights. */
export function inspectCommand(terminal: Terminal): Command {
  const command = defineCommand('inspect', terminal)
    .description(
      'Show layers, parameters, memory, tokenizer and mixers of a checkpoint, without reading its weights, or what its memories retrieve.',
    )
    .argument('[source]', 'directory or address of a checkpoint')
    .option(
      '--context-length <n>',
      'positions whose state is counted (default: those of the checkpoint)',
      integerArgument(1),
    )
    .option('--capabilities', 'show what all mixers of this command can do')
    .option(
      '--retrieval <text>',
      'load it, and show what each head of its contextual memories reads at the end of a text',
    )
    .option('--retrieval-ids <ids>', 'the same of token ids, such as 1,2,3', idsArgument)
    .option('--top <n>', 'pairs that are shown of each head', integerArgument(1), 5)
    .option('--json', 'one line of JSON; with --retrieval pairs of every position')
    .addHelpText('after', examples);
  return command.action((source: string | undefined, given: InspectArguments) => {
    if (source === undefined && !given.capabilities) command.error('error: expected a directory, or --capabilities.');
    if (given.capabilities && (given.retrieval ?? given.retrievalIds) !== undefined)
      command.error('error: --capabilities is about all mixers and retrieves nothing.');
    if (source !== undefined && given.capabilities)
      command.error('error: --capabilities is about all mixers and takes no directory.');
    if (given.retrieval !== undefined && given.retrievalIds)
      command.error('error: expected one of --retrieval <text> and --retrieval-ids <ids>, and both were given.');
    if (source === undefined) return showCapabilities(given, terminal);
    const text = given.retrieval ?? given.retrievalIds;
    return text === undefined ? inspect(source, given, terminal) : showRetrieval(source, text, given, terminal);
  });
}

async function showCapabilities({ json }: InspectArguments, { stdout }: Terminal): Promise<void> {
  const capabilities = cliAssembler().capabilities();
  await writeLine(stdout, json ? JSON.stringify(capabilities) : capabilityText(capabilities));
}

async function showRetrieval(
  source: string,
  text: string | readonly number[],
  { json, top }: InspectArguments,
  terminal: Terminal,
): Promise<void> {
  await using model = await loadModel(source, { device: 'cpu', dtype: 'fp32' }, terminal);
  const report = await reportRetrieval(model, text, top);
  await writeLine(terminal.stdout, json ? JSON.stringify(report) : retrievalText(report));
}

async function inspect(
  source: string,
  { json, contextLength }: InspectArguments,
  { stdout, signal }: Terminal,
): Promise<void> {
  const assembler = cliAssembler();
  const opened = await assembler.open(source, { signal, ...(contextLength !== undefined && { contextLength }) });
  try {
    const tokenizer = await readTokenizerFacts(opened.source, opened.graph.resolved.spec.vocabSize, signal);
    const description = describe(source, opened, tokenizer, assembler.capabilities(), contextLength);
    await writeLine(stdout, json ? JSON.stringify(description) : printDescription(description));
  } finally {
    await opened.reader.close();
  }
}
