// Runs the example mixer as somebody outside would: its files in an empty folder, the packages installed from their tarballs,
// compiled against the published declarations and run by plain Node.
import { execFile } from 'node:child_process';
import { cpSync, lstatSync, mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { installOptions } from './install-options.ts';
import type { PackedPackage } from './packed-packages.ts';
import { readManifest, repositoryRoot } from './workspace.ts';

const run = promisify(execFile);
const example = join(repositoryRoot, 'apps/example-custom-attention');
const sources = ['src/successor-memory.ts', 'examples/hybrid-stack.ts', 'examples/check-laws.ts'];
const endings = {
  'hybrid-stack': 'saved and loaded: the same tokens',
  'check-laws': 'holds: the memory is what it declares',
};

/** Only the compiler and the types of Node come from this repository; packages are found where npm put them. */
const require = createRequire(join(repositoryRoot, 'package.json'));
const compiler = require.resolve('typescript/bin/tsc');
const nodeTypes = dirname(dirname(require.resolve('@types/node/package.json')));

const compilerOptions = {
  target: 'es2023',
  lib: ['es2023', 'esnext.disposable', 'dom'],
  module: 'nodenext',
  strict: true,
  types: ['node'],
  typeRoots: [nodeTypes],
  rewriteRelativeImportExtensions: true,
  rootDir: '.',
  outDir: 'dist',
};

/** Rejects when the example does not install, compile or run outside the workspace. */
export async function runExampleOutside(packages: ReadonlyMap<string, PackedPackage>, scratch: string): Promise<void> {
  const directory = join(scratch, 'example-outside');
  mkdirSync(directory);
  for (const file of sources) cpSync(join(example, file), join(directory, file));
  const { dependencies, devDependencies } = readManifest(example);
  const wanted = Object.keys({ ...dependencies, ...devDependencies }).filter((name) => packages.has(name));
  const tarballs = [...packages].map(([name, { tarball }]) => [name, `file:${tarball}`] as const);
  writeJson(join(directory, 'package.json'), {
    name: 'example-outside',
    private: true,
    type: 'module',
    dependencies: Object.fromEntries(tarballs),
  });
  writeJson(join(directory, 'tsconfig.json'), { compilerOptions, include: ['src', 'examples'] });
  await run('npm', ['install', ...installOptions], { cwd: directory });
  for (const name of wanted)
    if (lstatSync(join(directory, 'node_modules', name)).isSymbolicLink())
      throw new Error(`${name} is a link, not an installed package`);

  await run('node', [compiler], { cwd: directory }).catch((error: { stdout?: string }) => {
    throw new Error(`does not compile against the published declarations:\n${error.stdout}`);
  });
  for (const [script, ending] of Object.entries(endings)) {
    const { stdout } = await run('node', [join('dist/examples', `${script}.js`)], { cwd: directory, timeout: 60_000 });
    if (!stdout.trimEnd().endsWith(ending))
      throw new Error(`${script} ended with ${JSON.stringify(stdout.slice(-200))}`);
  }
}

function writeJson(path: string, value: unknown): void {
  writeFileSync(path, `${JSON.stringify(value, undefined, 2)}\n`);
}
