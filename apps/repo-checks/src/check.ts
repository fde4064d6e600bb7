// Runs every `check:*` script of the top package.json, all of them even when one fails, and says how each ended.
import { spawnSync } from 'node:child_process';
import { readManifest, repositoryRoot } from './workspace.ts';

const names = Object.keys(readManifest(repositoryRoot).scripts ?? {}).filter((name) => name.startsWith('check:'));
const results = names.map((name) => {
  console.log(`\n== ${name}`);
  const start = performance.now();
  const { status } = spawnSync('pnpm', ['run', name], { cwd: repositoryRoot, stdio: 'inherit' });
  return { name, passed: status === 0, seconds: (performance.now() - start) / 1000 };
});

console.log('');
for (const { name, passed, seconds } of results) {
  console.log(`${passed ? 'ok    ' : 'FAILED'} ${name} (${seconds.toFixed(1)} s)`);
}
if (results.some(({ passed }) => !passed)) process.exitCode = 1;
