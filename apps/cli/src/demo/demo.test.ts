import { expect, test } from 'vitest';
import { runTessera } from '../testing/run-tessera.test-support.ts';

test('the demo writes a scene, says how fast, and what to try next', async () => {
  const { status, stdout, stderr } = await runTessera(['demo']);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout).toMatch(/^llama-4m, 3\.3 million parameters, on cpu \(.+\)\n\nROMEO:\n/);
  expect(stdout).toMatch(/\n120 tokens, \d+\.\d tokens\/s, cpu\n/);
  expect(stdout.match(/^ {2}pnpm tessera /gm)).toHaveLength(3);
  expect((await runTessera(['demo'])).stdout.split('\n\n120')[0]).toBe(stdout.split('\n\n120')[0]);
});
