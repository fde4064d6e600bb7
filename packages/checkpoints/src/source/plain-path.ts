import { ModelFormatError } from '@tessera/tensor-core';
import { quote } from './quote.ts';

/**
 * Checks that a path stays inside its source. Paths come from downloaded files (a shard index names its shards), so one
 * that climbs out, is absolute, or means another drive must never reach a file system or an address.
 *
 * @param where - what names the path, for the message
 * @throws {@link ModelFormatError} when the path is not relative and plain.
 */
export function assertPlainPath(path: string, where: string): void {
  const rule = brokenRule(path);
  if (rule === undefined) return;
  throw new ModelFormatError(
    `${where}: the file name ${quote(path)} ${rule}, expected a plain relative name such as "model.safetensors". Correct the name.`,
    { facts: { where, path: path.slice(0, 1024), rule } },
  );
}

function brokenRule(path: string): string | undefined {
  if (path === '') return 'is empty';
  if (path.length > 1024) return `has ${path.length} characters (at most 1024 are allowed)`;
  if (path.startsWith('/') || /^[a-z]:/i.test(path)) return 'is absolute';
  if (path.includes('\\')) return 'has a backslash';
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  if (/[\u0000-\u001f\u007f]/.test(path)) return 'has a control character';
  for (const segment of path.split('/')) {
    if (segment === '..') return 'leads out of the folder';
    if (segment === '' || segment === '.') return 'has an empty or "." segment';
  }
  return undefined;
}
