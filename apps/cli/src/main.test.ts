import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { caseDirectory, smallModel } from './testing/checkpoints.test-support.ts';

const bin = fileURLToPath(new URL('../bin/tessera.js', import.meta.url));

interface Finished {
  readonly status: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the real command; `onText` sees standard output as it comes. */
function tessera(argv: readonly string[], onText?: (child: ReturnType<typeof spawn>) => void): Promise<Finished> {
  const child = spawn(process.execPath, [bin, ...argv]);
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    onText?.(child);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => void (stderr += text));
  child.stdin.end();
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status, signal) => resolve({ status, signal, stdout, stderr }));
  });
}

const prompt = ['--prompt', 'ROMEO:\n', '--temperature', '0'];

test('the process writes results only to standard output and exits with 0', async () => {
  const { status, stdout, stderr } = await tessera(['generate', '--model', smallModel, ...prompt, '-n', '8', '--json']);
  expect(status).toBe(0);
  expect(stdout.indexOf('\n')).toBe(stdout.length - 1);
  expect(JSON.parse(stdout)).toMatchObject({ usage: { completionTokens: 8 } });
  expect(stderr).toMatch(/^8 tokens, \d+\.\d tokens\/s, cpu\n$/);
});

test('the process exits with 1 when a check fails and with 2 when it does not understand', async () => {
  const failed = await tessera(['verify', caseDirectory('llama-minimal'), caseDirectory('gone'), '--json']);
  expect(failed.status).toBe(1);
  expect(failed.stdout.trim().split('\n')).toHaveLength(2);
  expect((await tessera(['genrate'])).status).toBe(2);
});

test('Ctrl-C ends the process with 130, and a second one is not needed', async () => {
  const endless = ['generate', '--model', smallModel, ...prompt, '-n', '500', '--ignore-eos'];
  const { status, signal, stdout, stderr } = await tessera(endless, (child) => child.kill('SIGINT'));
  expect({ status, signal }).toEqual({ status: 130, signal: null });
  expect(stdout).toMatch(/^A/);
  expect(stderr).toMatch(/^\d+ tokens?, /);
});

test('a pipe that is closed early is no crash', async () => {
  const endless = ['generate', '--model', smallModel, ...prompt, '-n', '500', '--ignore-eos'];
  const { status, stderr } = await tessera(endless, (child) => child.stdout!.destroy());
  expect(status).toBe(0);
  expect(stderr).not.toMatch(/EPIPE|at /);
});
