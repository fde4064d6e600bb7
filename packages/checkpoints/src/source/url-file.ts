import { DownloadError } from '@tessera/tensor-core';
import { checkRange } from './check-range.ts';
import type { RandomAccessFile, ReadOptions } from './file-source.ts';
import {
  discardBody,
  displayUrl,
  readAll,
  readExactly,
  sendRequest,
  statusError,
  type HttpClient,
} from './http-request.ts';
import { contentRange, identityLength, strongTag } from './http-headers.ts';

/** Opens the file at an address: asks for its size, and whether it is there (`undefined` for 404 and 410). */
export async function openUrlFile(
  url: URL,
  { signal, ...client }: HttpClient & ReadOptions,
): Promise<RandomAccessFile | undefined> {
  // The open range makes browsers ask for the bytes as they are; servers that heed it for HEAD still tell the whole length.
  const head = await sendRequest(url, client, { method: 'HEAD', range: 'bytes=0-', signal });
  if (isMissing(head)) return undefined;
  const size = head.ok ? identityLength(head) : undefined;
  if (size) return new UrlFile(url, client, size, strongTag(head));
  // HEAD is refused (signed addresses allow one method), or tells no length (compressed, streamed): one byte tells.
  const probe = await sendRequest(url, client, { method: 'GET', range: 'bytes=0-0', signal });
  if (isMissing(probe)) return discardBody(probe).then(() => undefined);
  if (probe.status === 200) {
    const whole = await readAll(url, probe, signal);
    return new UrlFile(url, client, whole.length, undefined, whole);
  }
  await discardBody(probe);
  const total = contentRange(probe)?.total;
  if (probe.status === 416 && total === 0) return new UrlFile(url, client, 0);
  if (probe.status === 206 && total !== undefined) return new UrlFile(url, client, total, strongTag(probe));
  if (probe.status !== 206) throw statusError(url, probe);
  // Ranges work, but the total is hidden (another origin that does not expose Content-Range).
  const full = await sendRequest(url, client, { method: 'GET', signal });
  if (!full.ok) throw statusError(url, full);
  const whole = await readAll(url, full, signal);
  return new UrlFile(url, client, whole.length, undefined, whole);
}

function isMissing(response: Response): boolean {
  return response.status === 404 || response.status === 410;
}

class UrlFile implements RandomAccessFile {
  readonly size: number;
  readonly #url: URL;
  readonly #client: HttpClient;
  readonly #tag: string | undefined;
  /** The whole file, where the server ignores ranges. */
  #whole: Promise<Uint8Array> | undefined;

  constructor(url: URL, client: HttpClient, size: number, tag?: string, whole?: Uint8Array) {
    this.#url = url;
    this.#client = client;
    this.size = size;
    this.#tag = tag;
    this.#whole = whole && Promise.resolve(whole);
  }

  async read(offset: number, length: number, { signal }: ReadOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
    signal?.throwIfAborted();
    checkRange(displayUrl(this.#url), this.size, offset, length);
    if (length === 0) return new Uint8Array(0);
    for (;;) {
      const shared = this.#whole;
      if (shared === undefined) return this.#request(offset, length, signal);
      const whole = await shared.catch((error: unknown) => {
        // The download that is shared was another reader's, who may have aborted it; then this reader starts its own.
        if (this.#whole !== undefined && this.#whole !== shared) return undefined;
        this.#whole = undefined;
        if (signal?.aborted || error instanceof DownloadError) throw error;
        return undefined;
      });
      signal?.throwIfAborted();
      if (whole !== undefined) return new Uint8Array(whole.subarray(offset, offset + length));
    }
  }

  async close(): Promise<void> {
    this.#whole = undefined;
  }

  async #request(offset: number, length: number, signal: AbortSignal | undefined): Promise<Uint8Array<ArrayBuffer>> {
    const all = length === this.size;
    // The whole file is a range too: without one, a server may send it compressed, and a browser that keeps those bytes takes
    // later ranges from them.
    const range = `bytes=${offset}-${offset + length - 1}`;
    const response = await sendRequest(this.#url, this.#client, { method: 'GET', range, signal });
    if (response.status !== 200 && response.status !== 206) {
      await discardBody(response);
      throw statusError(this.#url, response);
    }
    await this.#checkUnchanged(response, offset, length);
    if (all || response.status === 206) return readExactly(this.#url, response, length, signal);
    if (this.#whole !== undefined) {
      await discardBody(response);
      return this.read(offset, length, { signal });
    }
    const whole = readExactly(this.#url, response, this.size, signal);
    this.#whole = whole;
    try {
      return new Uint8Array((await whole).subarray(offset, offset + length));
    } catch (error) {
      if (this.#whole === whole) this.#whole = undefined;
      throw error;
    }
  }

  /** Two reads of one file must not be parts of two versions of it. */
  async #checkUnchanged(response: Response, offset: number, length: number): Promise<void> {
    const range = response.status === 206 ? contentRange(response) : undefined;
    const tag = strongTag(response);
    const sameFile = this.#tag === undefined || tag === undefined || tag === this.#tag;
    const sameSize = range?.total === undefined || range.total === this.size;
    const sameRange = range?.start === undefined || (range.start === offset && range.end === offset + length - 1);
    if (sameFile && sameSize && sameRange) return;
    await discardBody(response);
    const url = displayUrl(this.#url);
    const what = sameFile && sameSize ? `bytes ${range?.start} to ${range?.end}` : 'another version of the file';
    throw new DownloadError(
      `${url}: the server sent ${what}, expected bytes ${offset} to ${offset + length - 1} of the file that was opened. Load the model again.`,
      {
        facts: { url, offset, length, size: this.size, actual: range ?? {} },
      },
    );
  }
}
