// Installs every package alone, with npm, in an empty folder: only what it depends on may arrive, and it must run.
// The packages it depends on come as tarballs too, since the ones here may be ahead of the registry. Then runs the example mixer
// against the tarballs, outside the workspace. Wants `pnpm build` first.
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { runExampleOutside } from './example-outside.ts';
import { installOptions } from './install-options.ts';
import { withPackedPackages, type PackedPackage } from './packed-packages.ts';
import { runtimeDependencies } from './workspace.ts';

const run = promisify(execFile);

/** A package and everything of the workspace that it needs, itself first. */
function closureOf(name: string, packages: ReadonlyMap<string, PackedPackage>): Set<string> {
  const closure = new Set([name]);
  for (const each of closure) {
    const manifest = packages.get(each)?.manifest;
    for (const next of manifest === undefined ? [] : runtimeDependencies(manifest)) {
      if (packages.has(next)) closure.add(next);
    }
  }
  return closure;
}

/** What the closure asks of the registry. */
function externalsOf(closure: ReadonlySet<string>, packages: ReadonlyMap<string, PackedPackage>): string[] {
  const names = [...closure].flatMap((name) => runtimeDependencies(packages.get(name)!.manifest));
  return [...new Set(names.filter((name) => !packages.has(name)))].toSorted();
}

function installedNames(directory: string): string[] {
  const modules = join(directory, 'node_modules');
  return readdirSync(modules)
    .filter((name) => !name.startsWith('.'))
    .flatMap((name) => (name.startsWith('@') ? readdirSync(join(modules, name)).map((sub) => `${name}/${sub}`) : name))
    .toSorted();
}

async function checkAlone(packed: PackedPackage, packages: ReadonlyMap<string, PackedPackage>, scratch: string) {
  const { name, exports, bin } = packed.manifest;
  const unresolved = Object.entries({ ...packed.manifest.dependencies, ...packed.manifest.peerDependencies })
    .filter(([, range]) => /^(workspace|catalog|link|file):/.test(range))
    .map(([dependency, range]) => `${dependency}@${range}`);
  if (unresolved.length > 0) throw new Error(`would be published depending on ${unresolved.join(', ')}`);

  const directory = join(scratch, name.replace('/', '-'));
  mkdirSync(directory);
  writeFileSync(join(directory, 'package.json'), '{ "private": true, "type": "module" }\n');
  const closure = closureOf(name, packages);
  const tarballs = [...closure].map((each) => packages.get(each)!.tarball);
  await run('npm', ['install', ...installOptions, ...tarballs], { cwd: directory });

  const externals = externalsOf(closure, packages);
  const installed = installedNames(directory);
  const siblings = installed.filter((each) => packages.has(each) || each.startsWith('@tessera/'));
  const strangers = siblings.filter((each) => !closure.has(each));
  if (strangers.length > 0) throw new Error(`brings ${strangers.join(', ')}, which it does not depend on`);
  if (externals.length === 0 && installed.length > siblings.length) {
    throw new Error(`needs nothing of the registry, yet brings ${installed.join(', ')}`);
  }

  const entries = Object.entries(exports ?? {}).filter(([path]) => path !== './package.json' && !path.includes('*'));
  for (const [path] of entries) {
    const specifier = name + path.slice(1);
    await run('node', ['--input-type=module', '--eval', `await import('${specifier}')`], {
      cwd: directory,
      timeout: 30_000,
    });
  }
  for (const command of Object.keys(bin ?? {})) {
    const path = join(directory, 'node_modules', '.bin', command);
    if (!existsSync(path)) throw new Error(`installs no command ${command}`);
    await run(path, ['--version'], { cwd: directory, timeout: 30_000 });
  }
  return [...closure].slice(1).concat(externals);
}

await withPackedPackages(async (packages, scratch) => {
  const queue = [...packages.values()];
  const worker = async () => {
    for (let packed = queue.shift(); packed !== undefined; packed = queue.shift()) {
      try {
        const brought = await checkAlone(packed, packages, scratch);
        console.log(`ok     ${packed.manifest.name} brings ${brought.join(', ') || 'nothing else'}`);
      } catch (error) {
        console.log(`FAILED ${packed.manifest.name}: ${error instanceof Error ? error.message : String(error)}`);
        process.exitCode = 1;
      }
    }
  };
  await Promise.all([worker(), worker()]);
  try {
    await runExampleOutside(packages, scratch);
    console.log('ok     example-custom-attention runs outside the workspace');
  } catch (error) {
    console.log(`FAILED example-custom-attention: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  }
});
