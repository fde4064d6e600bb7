// publint and "are the types wrong" (ESM only) on every package as it would be published. Wants `pnpm build` first.
import { readFileSync } from 'node:fs';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { withPackedPackages, type PackedPackage } from './packed-packages.ts';

/** CommonJS and the resolution of Node 10 are out of scope: the packages are ESM with `exports`. */
const ignoredResolutions = new Set(['node10', 'node16-cjs']);

async function lintProblems({ tarball }: PackedPackage): Promise<string[]> {
  const { buffer } = new Uint8Array(readFileSync(tarball));
  const { messages, pkg } = await publint({ pack: { tarball: buffer }, strict: true });
  return messages.map((message) => `publint: ${formatMessage(message, pkg, { color: false }) ?? message.code}`);
}

async function typeProblems({ manifest, tarball }: PackedPackage): Promise<string[]> {
  if (manifest.exports === undefined) return [];
  const analysis = await checkPackage(createPackageFromTarballData(readFileSync(tarball)));
  if (analysis.types === false) return ['types: the package has none'];
  return analysis.problems
    .filter((problem) => !('resolutionKind' in problem && ignoredResolutions.has(problem.resolutionKind)))
    .filter((problem) => !('resolutionOption' in problem && ignoredResolutions.has(problem.resolutionOption)))
    .map((problem) => `types: ${JSON.stringify(problem)}`);
}

await withPackedPackages(async (packages) => {
  for (const [name, each] of packages) {
    const problems = [...(await lintProblems(each)), ...(await typeProblems(each))];
    console.log(`${problems.length === 0 ? 'ok    ' : 'FAILED'} ${name}`);
    for (const problem of problems) console.log(`         ${problem}`);
    if (problems.length > 0) process.exitCode = 1;
  }
});
