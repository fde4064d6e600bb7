import type { FileSource, RandomAccessFile } from './file-source.ts';
import { assertPlainPath } from './plain-path.ts';

/** Files that are at hand by path, each opened by `openFile`. */
export function mapSource<Content>(
  name: string,
  byPath: ReadonlyMap<string, Content>,
  openFile: (path: string, content: Content) => RandomAccessFile,
): FileSource {
  return {
    name,
    list: () => Promise.resolve([...byPath.keys()]),
    async open(path, options) {
      options?.signal?.throwIfAborted();
      assertPlainPath(path, name);
      const content = byPath.get(path);
      return content === undefined ? undefined : openFile(path, content);
    },
  };
}
