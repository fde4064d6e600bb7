import type { FileSink } from './file-sink.ts';
import { assertPlainPath } from './plain-path.ts';

/**
 * A directory of the local file system (Node), made when it is missing. A file is written under another name and renamed
 * once it is whole and on the disk, so that an interrupted save leaves the old file or none.
 */
export function directorySink(path: string): FileSink {
  return {
    name: path,
    async write(name, chunks) {
      assertPlainPath(name, path);
      const { mkdir, open, rename, rm } = await import('node:fs/promises');
      const { dirname, join } = await import('node:path');
      const target = join(path, name);
      await mkdir(dirname(target), { recursive: true });
      const partial = `${target}.${crypto.randomUUID()}.part`;
      try {
        const handle = await open(partial, 'wx');
        try {
          for await (const chunk of chunks) {
            for (let done = 0; done < chunk.length;) done += (await handle.write(chunk, done)).bytesWritten;
          }
          await handle.sync();
        } finally {
          await handle.close();
        }
        await rename(partial, target);
      } catch (error) {
        await rm(partial, { force: true });
        throw error;
      }
    },
    async remove(name) {
      assertPlainPath(name, path);
      const { rm } = await import('node:fs/promises');
      const { join } = await import('node:path');
      await rm(join(path, name), { force: true });
    },
  };
}
