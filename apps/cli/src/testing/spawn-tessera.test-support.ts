import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const bin = fileURLToPath(new URL('../../bin/tessera.js', import.meta.url));

/** How a process ended. */
export interface Finished {
  readonly status: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the real command in a process of its own; `onText` is called when the first text comes to standard output. */
export function spawnTessera(argv: readonly string[], onText?: (child: ChildProcess) => void): Promise<Finished> {
  const child = spawn(process.execPath, [bin, ...argv]);
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    if (stdout === '') onText?.(child);
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => void (stderr += text));
  child.stdin.end();
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status, signal) => resolve({ status, signal, stdout, stderr }));
  });
}
