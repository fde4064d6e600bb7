import type { Command } from 'commander';
import { cliAssembler } from '../load-model.ts';
import { defineCommand } from '../options/define-command.ts';
import { integerArgument } from '../options/number-arguments.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { writeLine } from '../terminal/write-text.ts';
import { describe } from './description.ts';
import { capabilityText, printDescription } from './print-description.ts';
import { readTokenizerFacts } from './tokenizer-facts.ts';

interface InspectArguments {
  readonly contextLength?: number;
  readonly capabilities?: boolean;
  readonly json?: boolean;
}

const examples = `
Examples:
  tessera inspect ./my-model
  tessera inspect ./my-model --context-length 32768 --json
  tessera inspect --capabilities`;

/** `tessera inspect`: what a checkpoint is, from everything but its weights. */
export function inspectCommand(terminal: Terminal): Command {
  const command = defineCommand('inspect', terminal)
    .description('Show layers, parameters, memory, tokenizer and mixers of a checkpoint, without reading its weights.')
    .argument('[source]', 'directory or address of a checkpoint')
    .option(
      '--context-length <n>',
      'positions whose state is counted (default: those of the checkpoint)',
      integerArgument(1),
    )
    .option('--capabilities', 'show what all mixers of this command can do')
    .option('--json', 'one line of JSON')
    .addHelpText('after', examples);
  return command.action((source: string | undefined, given: InspectArguments) => {
    if (source === undefined && !given.capabilities) command.error('error: expected a directory, or --capabilities.');
    if (source !== undefined && given.capabilities)
      command.error('error: --capabilities is about all mixers and takes no directory.');
    return source === undefined ? showCapabilities(given, terminal) : inspect(source, given, terminal);
  });
}

async function showCapabilities({ json }: InspectArguments, { stdout }: Terminal): Promise<void> {
  const capabilities = cliAssembler().capabilities();
  await writeLine(stdout, json ? JSON.stringify(capabilities) : capabilityText(capabilities));
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
