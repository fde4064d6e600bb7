import { CommanderError } from 'commander';
import { exitStatus, ReportedFailure } from './exit-status.ts';
import { createProgram } from './program.ts';
import { reportError } from './report-error.ts';
import { ClosedOutput, watchClosing } from './terminal/closed-output.ts';
import type { Terminal } from './terminal/terminal.ts';

/** Where {@link run} reads and writes; `signal` stands for Ctrl-C. */
export type RunOptions = Omit<Terminal, 'signal'> & { readonly signal?: AbortSignal };

/**
 * Runs the command `tessera` inside this process.
 * @param argv - what follows `tessera` on the command line
 * @returns the status with which the process should exit
 */
export async function run(
  argv: readonly string[],
  { stdout, stderr, stdin, signal, gpus }: RunOptions,
): Promise<number> {
  const closing = new AbortController();
  const unwatch = [
    watchClosing(stdout, (reason) => closing.abort(reason)),
    // Nobody reads the notices: the results still count.
    watchClosing(stderr, () => {}),
  ];
  const stop = signal ? AbortSignal.any([signal, closing.signal]) : closing.signal;
  let command = '';
  const program = createProgram({ stdout, stderr, stdin, signal: stop, ...(gpus && { gpus }) });
  program.hook('preAction', (_, action) => void (command = action.name()));
  try {
    await program.parseAsync(argv, { from: 'user' });
    return exitStatus.success;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitStatus.success : exitStatus.usage;
    if (error instanceof ReportedFailure) return exitStatus.failure;
    if (signal?.aborted) return exitStatus.interrupted;
    if (closing.signal.aborted && closing.signal.reason instanceof ClosedOutput) return exitStatus.success;
    reportError(stderr, command, error);
    return exitStatus.failure;
  } finally {
    for (const each of unwatch) each();
  }
}
