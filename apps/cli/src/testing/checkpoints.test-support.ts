import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

const repository = new URL('../../../../', import.meta.url);

/** The trained model of the repository. */
export const smallModel: string = fileURLToPath(new URL('apps/models/llama-4m', repository));

/** Conformance cases of the repository. */
export const casesDirectory: string = fileURLToPath(new URL('apps/conformance/cases', repository));

/** Larger conformance cases that may lie beside the repository. */
export const largerCasesDirectory: string = fileURLToPath(new URL('../shared/conformance/hf', repository));

/** Models and single layers of papers, with what their authors' code gives. */
export const papersDirectory: string = fileURLToPath(new URL('apps/conformance/papers', repository));

/** The directory of one case. */
export function caseDirectory(name: string): string {
  return join(casesDirectory, name);
}

/** A copy of a checkpoint that a test may spoil; it is gone after the test. */
export async function copyOf(directory: string): Promise<string> {
  const copy = await emptyDirectory();
  await cp(directory, copy, { recursive: true });
  return copy;
}

/** A directory of the test. */
export async function emptyDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'tessera-cli-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** Writes a file of the test and returns its path. */
export async function writeTestFile(directory: string, name: string, content: string | Uint8Array): Promise<string> {
  const path = join(directory, name);
  await writeFile(path, content);
  return path;
}

/** Changes a JSON file of a copied checkpoint. */
export async function changeJson(
  directory: string,
  name: string,
  change: (json: Record<string, unknown>) => unknown,
): Promise<void> {
  const path = join(directory, name);
  const json = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;
  await writeFile(path, JSON.stringify(change(json) ?? json));
}
