import { expect, test } from 'vitest';
import { caseDirectory, smallModel } from './testing/checkpoints.test-support.ts';
import { spawnTessera } from './testing/spawn-tessera.test-support.ts';

// What keeps WebGPU alive in a process must not keep the process alive, nor end it in a crash.

const prompt = ['--prompt', 'ROMEO:\n', '--temperature', '0'];
const generate = ['generate', '--model', smallModel, ...prompt, '--ignore-eos', '--device', 'webgpu'];
const note = /^(note: there is no GPU here [^\n]*\n)?/;

test('a process that used WebGPU flushes its output and exits with 0 by itself', async () => {
  const { status, signal, stdout, stderr } = await spawnTessera([...generate, '-n', '8', '--json']);
  expect({ status, signal }).toEqual({ status: 0, signal: null });
  expect(JSON.parse(stdout)).toMatchObject({ device: 'webgpu', usage: { completionTokens: 8 } });
  expect(stderr.replace(note, '')).toMatch(/^8 tokens, \d+\.\d tokens\/s, webgpu\n$/);
});

test('a failure on WebGPU exits with 1', async () => {
  const argv = ['verify', caseDirectory('gone'), '--json', '--device', 'webgpu'];
  const { status, signal, stdout } = await spawnTessera(argv);
  expect({ status, signal }).toEqual({ status: 1, signal: null });
  expect(JSON.parse(stdout)).toMatchObject({ pass: false, code: 'MODEL_FORMAT' });
});

test('Ctrl-C while WebGPU computes exits with 130', async () => {
  const { status, signal, stderr } = await spawnTessera([...generate, '-n', '500'], (child) => child.kill('SIGINT'));
  expect({ status, signal }).toEqual({ status: 130, signal: null });
  expect(stderr.replace(note, '')).toMatch(/^\d+ tokens?, /);
});

test('a pipe that is closed while WebGPU computes is no crash', async () => {
  const argv = [...generate, '-n', '500'];
  const { status, signal, stderr } = await spawnTessera(argv, (child) => child.stdout!.destroy());
  expect({ status, signal }).toEqual({ status: 0, signal: null });
  expect(stderr).not.toMatch(/EPIPE|at /);
});
