import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { createBrotliDecompress } from 'node:zlib';
import { extract } from 'tar-stream';

/** The archive inside the package that carries a headless browser: the software Vulkan driver and its loader. */
function archivePath(): string {
  const entry = createRequire(import.meta.url).resolve('@sparticuz/chromium');
  const root = entry.slice(0, entry.lastIndexOf('chromium') + 'chromium'.length);
  return join(root, 'bin', 'swiftshader.tar.br');
}

/** A folder with `libvulkan.so.1`, `libvk_swiftshader.so` and its description. Unpacked once for each version of the archive. */
export async function unpackSwiftShader(): Promise<string> {
  const archive = archivePath();
  const folder = join(
    tmpdir(),
    `tessera-swiftshader-${createHash('sha256').update(archive).digest('hex').slice(0, 12)}`,
  );
  if (existsSync(folder)) return folder;
  const fresh = await mkdtemp(`${folder}-`);
  const entries = extract();
  createReadStream(archive).pipe(createBrotliDecompress()).pipe(entries);
  for await (const entry of entries) {
    const path = join(fresh, entry.header.name);
    if (entry.header.type === 'file') {
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, await buffer(entry), { mode: 0o755 });
    } else entry.resume();
  }
  // Whoever comes first wins; nobody sees half a folder.
  await rename(fresh, folder).catch(() => rm(fresh, { recursive: true, force: true }));
  return folder;
}
