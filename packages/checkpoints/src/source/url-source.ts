import { UnsupportedOptionError } from '@tessera/tensor-core';
import type { FileSource } from './file-source.ts';
import { assertPlainPath } from './plain-path.ts';
import { displayUrl } from './http-request.ts';
import { openUrlFile } from './url-file.ts';

/** Options of {@link urlSource}. */
export interface UrlSourceOptions {
  /** Replaces the global `fetch`, for caches, proxies, progress or tests. */
  readonly fetch?: typeof fetch | undefined;
  /** Headers of every request, for example `Authorization`. `fetch` drops that one when a redirect leaves the host. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/**
 * Files under an address, read by HTTP range requests. Where a server ignores ranges, a file is downloaded once as a
 * whole and kept until it is closed. The query of `base` is sent with every file.
 *
 * @throws {@link UnsupportedOptionError} when the address is not http or https.
 */
export function urlSource(base: string | URL, options: UrlSourceOptions = {}): FileSource {
  const root = new URL(base);
  if (root.protocol !== 'http:' && root.protocol !== 'https:') {
    throw new UnsupportedOptionError(
      `${displayUrl(root)}: the scheme is ${root.protocol}, expected http: or https:. Correct the address.`,
      {
        facts: { protocol: root.protocol },
      },
    );
  }
  if (!root.pathname.endsWith('/')) root.pathname += '/';
  const name = displayUrl(root);
  return {
    name,
    async open(path, open) {
      open?.signal?.throwIfAborted();
      assertPlainPath(path, name);
      const url = new URL(root);
      url.pathname += path.split('/').map(encodeURIComponent).join('/');
      return openUrlFile(url, {
        fetch: options.fetch ?? globalThis.fetch,
        headers: options.headers ?? {},
        signal: open?.signal,
      });
    },
  };
}
