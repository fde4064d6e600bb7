import { Command } from 'commander';
import type { Terminal } from '../terminal/terminal.ts';

/**
 * A command that writes to the given terminal and throws instead of ending the process. Whoever mistypes an option is
 * told by `tessera <command>: …` and where help is.
 */
export function defineCommand(name: string, terminal: Terminal): Command {
  const path = name === 'tessera' ? 'tessera' : `tessera ${name}`;
  return new Command(name)
    .exitOverride()
    .helpOption('-h, --help', 'show this help')
    .showHelpAfterError(`See ${path} --help.`)
    .configureOutput({
      writeOut: (text) => void terminal.stdout.write(text),
      writeErr: (text) => void terminal.stderr.write(text),
      outputError: (text, write) => write(text.replace(/^error: /, `${path}: `)),
      getOutHelpWidth: () => widthOf(terminal.stdout),
      getErrHelpWidth: () => widthOf(terminal.stderr),
    });
}

function widthOf(stream: Terminal['stdout']): number {
  return Math.min((stream as { columns?: number }).columns ?? 100, 120);
}
