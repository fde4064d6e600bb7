import { blobSource, memorySource } from '@tessera/checkpoints';
import type { FileSource } from '@tessera/checkpoints';
import { ModelFormatError } from '@tessera/tensor-core';
import { unzipSync } from 'fflate';
import type { UnzipFileFilter, UnzipFileInfo, Unzipped } from 'fflate';

/** What a packed model may hold: far above what this page can train, far below what would take the page down. */
const mostBytes = 2 ** 30;

/**
 * The files of a model: those in a zip, or as they were picked. Folders of a zip are left out, as those who unpack and pack
 * again add one.
 * @throws {@link ModelFormatError} for a zip that cannot be read, or holds more than a GiB
 */
export async function unpackFiles(picked: readonly File[]): Promise<FileSource> {
  const [first] = picked;
  if (picked.length !== 1 || !first || !/\.zip$/i.test(first.name)) return blobSource(picked, 'picked');
  let total = 0;
  const filter = ({ originalSize }: UnzipFileInfo): boolean => (total += originalSize) <= mostBytes;
  const files = unzip(first.name, new Uint8Array(await first.arrayBuffer()), filter);
  if (total > mostBytes) throw wrong(first.name, `it holds ${(total / 2 ** 30).toFixed(1)} GiB, expected at most 1`);
  const named = Object.entries(files).map(
    ([path, content]) => [path.slice(path.lastIndexOf('/') + 1), content] as const,
  );
  return memorySource(new Map(named.filter(([name]) => name !== '')), first.name);
}

/** In this thread: the other way starts workers from addresses that the policy of this page forbids. */
function unzip(name: string, bytes: Uint8Array, filter: UnzipFileFilter): Unzipped {
  try {
    return unzipSync(bytes, { filter });
  } catch (error) {
    throw wrong(name, `it is no zip that can be read (${String(error)})`);
  }
}

function wrong(name: string, what: string): ModelFormatError {
  return new ModelFormatError(`${name}: ${what}. Pick what was downloaded here, or the files in it.`);
}
