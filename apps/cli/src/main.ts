#!/usr/bin/env node
import { exitStatus } from './exit-status.ts';
import { run } from './run.ts';

const interrupt = new AbortController();
// The first Ctrl-C ends the command in order; a second one does not wait for that.
process.on('SIGINT', () => {
  if (interrupt.signal.aborted) process.exit(exitStatus.interrupted);
  interrupt.abort(new Error('Interrupted.'));
});

const { stdout, stderr, stdin } = process;
// What is flushed after the command is done may find the reader gone too.
stdout.on('error', () => {});
process.exitCode = await run(process.argv.slice(2), { stdout, stderr, stdin, signal: interrupt.signal });
