import { expect, test } from 'vitest';
import { caseDirectory, smallModel } from './testing/checkpoints.test-support.ts';
import { spawnTessera } from './testing/spawn-tessera.test-support.ts';

const prompt = ['--prompt', 'ROMEO:\n', '--temperature', '0'];
const endless = ['generate', '--model', smallModel, ...prompt, '-n', '500', '--ignore-eos', '--device', 'cpu'];

test('the process writes results only to standard output and exits with 0', async () => {
  const argv = ['generate', '--model', smallModel, ...prompt, '-n', '8', '--json'];
  const { status, stdout, stderr } = await spawnTessera(argv);
  expect(status).toBe(0);
  expect(stdout.indexOf('\n')).toBe(stdout.length - 1);
  expect(JSON.parse(stdout)).toMatchObject({ usage: { completionTokens: 8 } });
  // Whether this machine has a GPU or not, looking for one says nothing.
  expect(stderr).toMatch(/^8 tokens, \d+\.\d tokens\/s, (cpu|webgpu)\n$/);
});

test('the process exits with 1 when a check fails and with 2 when it does not understand', async () => {
  const directories = [caseDirectory('llama-minimal'), caseDirectory('gone')];
  const failed = await spawnTessera(['verify', ...directories, '--json', '--device', 'cpu']);
  expect(failed.status).toBe(1);
  expect(failed.stdout.trim().split('\n')).toHaveLength(2);
  expect((await spawnTessera(['genrate'])).status).toBe(2);
});

test('Ctrl-C ends the process with 130, and a second one is not needed', async () => {
  const { status, signal, stdout, stderr } = await spawnTessera(endless, (child) => child.kill('SIGINT'));
  expect({ status, signal }).toEqual({ status: 130, signal: null });
  expect(stdout).toMatch(/^O/);
  expect(stderr).toMatch(/^\d+ tokens?, /);
});

test('a pipe that is closed early is no crash', async () => {
  const { status, stderr } = await spawnTessera(endless, (child) => child.stdout!.destroy());
  expect(status).toBe(0);
  expect(stderr).not.toMatch(/EPIPE|at /);
});
