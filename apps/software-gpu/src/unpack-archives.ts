import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { createBrotliDecompress } from 'node:zlib';
import { extract } from 'tar-stream';
import type { Extract } from 'tar-stream';

/** The package that carries a headless browser with a software driver, compressed. */
function packageFolder(): string {
  const entry = createRequire(import.meta.url).resolve('@sparticuz/chromium');
  return entry.slice(0, entry.lastIndexOf('chromium') + 'chromium'.length);
}

/** What is unpacked into one folder. */
export interface Unpacking {
  /** Begins the name of the folder. */
  readonly label: string;
  /** Files under `bin` of `@sparticuz/chromium`: `….tar.br`, or `….br` for a program. */
  readonly archives: readonly string[];
  /** Texts that stand beside them, by name. */
  readonly texts?: Readonly<Record<string, string>>;
}

/**
 * Unpacks archives into a folder of the temporary directory, once for each version of them, and names the folder.
 * Several processes may ask at once: each sees either nothing or all of it.
 */
export async function unpackArchives({ label, archives, texts = {} }: Unpacking): Promise<string> {
  const root = packageFolder();
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  // Whose folder it is counts too: that of another user cannot be read.
  const contents = JSON.stringify([archives, texts, process.getuid?.()]);
  const what = createHash('sha256').update(contents).digest('hex').slice(0, 8);
  const folder = join(tmpdir(), `tessera-${label}-${version}-${what}`);
  if (existsSync(folder)) return folder;
  const fresh = await mkdtemp(`${folder}-`);
  try {
    for (const archive of archives) await unpack(join(root, 'bin', archive), fresh);
    for (const [name, text] of Object.entries(texts)) await writeFile(join(fresh, name), text);
    await rename(fresh, folder);
  } catch (error) {
    await rm(fresh, { recursive: true, force: true });
    // Another process was first, and has the same files.
    if (!existsSync(folder)) throw error;
  }
  return folder;
}

async function unpack(archive: string, folder: string): Promise<void> {
  const packed = createReadStream(archive);
  if (!archive.endsWith('.tar.br')) {
    const program = createWriteStream(join(folder, basename(archive, '.br')), { mode: 0o755 });
    return pipeline(packed, createBrotliDecompress(), program);
  }
  const entries = extract();
  await Promise.all([pipeline(packed, createBrotliDecompress(), entries), writeEntries(entries, folder)]);
}

async function writeEntries(entries: Extract, folder: string): Promise<void> {
  for await (const entry of entries) {
    const path = join(folder, entry.header.name);
    if (entry.header.type === 'file') {
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, await buffer(entry), { mode: 0o755 });
    } else entry.resume();
  }
}
