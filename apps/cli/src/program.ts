import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { chatCommand } from './chat/chat-command.ts';
import { convertCommand } from './convert/convert-command.ts';
import { demoCommand } from './demo/demo-command.ts';
import { evalCommand } from './eval/eval-command.ts';
import { generateCommand } from './generate/generate-command.ts';
import { inspectCommand } from './inspect/inspect-command.ts';
import { defineCommand } from './options/define-command.ts';
import { linearizeCommand } from './linearize/linearize-command.ts';
import type { Terminal } from './terminal/terminal.ts';
import { tokenizerCommand } from './tokenizer/tokenizer-command.ts';
import { trainCommand } from './train/train-command.ts';
import { trainHeadsCommand } from './train-heads/train-heads-command.ts';
import { verifyCommand } from './verify/verify-command.ts';

const examples = `
Examples:
  tessera demo
  tessera generate --model ./my-model --prompt "Once upon a time" --temperature 0.8 --seed 7
  tessera generate --model ./my-model --prompt-ids 1,2,3 --max-new-tokens 16 --json
  tessera chat --model ./my-model
  tessera eval --model ./my-model book.txt
  tessera inspect ./my-model
  tessera convert ./my-model ./copy --check
  tessera verify apps/conformance/cases/*
  tessera train --model ./my-model --data book.txt --steps 500 --out ./tuned

Results go to standard output, everything else to standard error.
Exit status: 0 done, 1 failed, 2 command line not understood, 130 interrupted.`;

/** The command line of `tessera`. */
export function createProgram(terminal: Terminal): Command {
  return defineCommand('tessera', terminal)
    .description('Efficient language models: generate, chat, score, inspect, verify and train from the terminal.')
    .usage('<command> [options]')
    .version(packageVersion(), '-V, --version', 'show the version')
    .helpCommand('help [command]', 'show the help of a command')
    .addCommand(generateCommand(terminal))
    .addCommand(chatCommand(terminal))
    .addCommand(verifyCommand(terminal))
    .addCommand(evalCommand(terminal))
    .addCommand(inspectCommand(terminal))
    .addCommand(convertCommand(terminal))
    .addCommand(trainCommand(terminal))
    .addCommand(trainHeadsCommand(terminal))
    .addCommand(linearizeCommand(terminal))
    .addCommand(tokenizerCommand(terminal))
    .addCommand(demoCommand(terminal))
    .addHelpText('after', examples);
}

function packageVersion(): string {
  const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string };
  return manifest.version;
}
