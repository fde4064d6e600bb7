import type { FileSource } from './file-source.ts';
import { assertPlainPath } from './plain-path.ts';

/**
 * The files of `source` under `folder`, by their paths from there.
 *
 * @throws {@link ModelFormatError} when the folder is not a plain relative path.
 */
export function folderSource(source: FileSource, folder: string): FileSource {
  const plain = folder.replace(/\/+$/, '');
  assertPlainPath(plain, source.name);
  const prefix = `${plain}/`;
  const list = source.list?.bind(source);
  return {
    name: `${source.name.replace(/\/+$/, '')}/${plain}`,
    ...(list && {
      list: async () =>
        (await list()).filter((path) => path.startsWith(prefix)).map((path) => path.slice(prefix.length)),
    }),
    async open(path, options) {
      assertPlainPath(path, source.name);
      return source.open(prefix + path, options);
    },
  };
}
