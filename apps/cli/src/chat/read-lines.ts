import { createInterface } from 'node:readline/promises';
import type { Terminal } from '../terminal/terminal.ts';
import { isInteractive } from '../terminal/terminal.ts';

/** Lines that somebody types, or that come through a pipe. */
export interface LineReader {
  /** True when a person types them. */
  readonly interactive: boolean;
  /** Asks for the next line; undefined at the end of input. */
  next(prompt: string): Promise<string | undefined>;
  /** Calls back on Ctrl-C, which a terminal that is read from does not send as a signal. */
  onInterrupt(listener: () => void): void;
  /** Ends the input. Idempotent. */
  close(): void;
}

/** Reads lines of standard input. The prompt goes to standard error, so that standard output holds answers only. */
export function readLines({ stdin, stderr, signal }: Terminal): LineReader {
  const interactive = isInteractive(stdin) && isInteractive(stderr);
  const lines = createInterface({ input: stdin, output: stderr, terminal: interactive, historySize: 200 });
  // From here on, no line of a pipe is lost between two questions.
  const iterator = lines[Symbol.asyncIterator]();
  const aborted = new Promise<never>((_, reject) => {
    if (signal.aborted) reject(signal.reason as Error);
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
  aborted.catch(() => {});
  return {
    interactive,
    async next(prompt) {
      if (interactive) {
        lines.setPrompt(prompt);
        lines.prompt();
      }
      const { done, value } = await Promise.race([iterator.next(), aborted]);
      return done ? undefined : value;
    },
    onInterrupt: (listener) => void lines.on('SIGINT', listener),
    close: () => lines.close(),
  };
}
