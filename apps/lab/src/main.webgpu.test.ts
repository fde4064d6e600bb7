import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const main = fileURLToPath(new URL('main.ts', import.meta.url));

test('a benchmark that is interrupted begins nothing new, and tells what it has', async () => {
  const argv = ['--import', 'tsx', '--conditions=@tessera/source', main, '--dry', '--only=maps'];
  const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'pipe'] });
  let told = '';
  child.stdout.on('data', (data: Buffer) => (told += data.toString()));
  // The first line is the device.
  child.stderr.once('data', () => child.kill('SIGINT'));
  const status = await new Promise((resolve) => child.once('close', (code, signal) => resolve(signal ?? code)));
  expect(status).toBe(0);
  expect(told).toMatch(/^\| a \+ b.*not reached/m);
});
