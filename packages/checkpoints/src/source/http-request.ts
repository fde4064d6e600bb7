import { DownloadError } from '@tessera/tensor-core';
import { allocate } from './allocate.ts';

/** What every request of a source shares. */
export interface HttpClient {
  readonly fetch: typeof fetch;
  readonly headers: Readonly<Record<string, string>>;
}

/** One request of a file. */
export interface HttpCall {
  readonly method: 'GET' | 'HEAD';
  /** Value of the `Range` header. */
  readonly range?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The address as messages show it: without credentials and query, where tokens and signatures live. */
export function displayUrl(url: URL): string {
  return `${url.origin}${url.pathname}`;
}

/** Sends a request; a failure of the network is a {@link DownloadError}, an abort rejects with the signal's reason. */
export async function sendRequest(
  url: URL,
  client: HttpClient,
  { method, range, signal }: HttpCall,
): Promise<Response> {
  signal?.throwIfAborted();
  // Lengths and ranges must count the file's own bytes. Browsers ignore this header and ask for identity where a Range is sent.
  const headers = { ...client.headers, 'Accept-Encoding': 'identity', ...(range !== undefined && { Range: range }) };
  const { fetch } = client; // called without a receiver: the global one refuses any other
  try {
    return await fetch(url, { method, headers, ...(signal && { signal }) });
  } catch (cause) {
    throw networkError(url, cause, signal);
  }
}

/** The error for an answer that is not a success. */
export function statusError(url: URL, response: Response): DownloadError {
  const { status } = response;
  const mend =
    status === 401 || status === 403
      ? 'Pass a token that may read it.'
      : status === 429
        ? 'Wait, then try again.'
        : status >= 500
          ? 'Try again later.'
          : 'Check the address.';
  const text = response.statusText ? ` ${response.statusText}` : '';
  return new DownloadError(`${displayUrl(url)}: the server answered ${status}${text}, expected the file. ${mend}`, {
    facts: { url: displayUrl(url), status },
  });
}

/** Lets go of a body that is not wanted, so that its connection can be used again. */
export async function discardBody(response: Response): Promise<void> {
  await response.body?.cancel().catch(() => undefined);
}

/** Reads a body of exactly `length` bytes, and never holds more. */
export async function readExactly(
  url: URL,
  response: Response,
  length: number,
  signal?: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = allocate(length, displayUrl(url));
  let done = 0;
  await forEachChunk(url, response, signal, (chunk) => {
    if (done + chunk.length > length) throw lengthError(url, length, `more than ${length}`);
    bytes.set(chunk, done);
    done += chunk.length;
  });
  if (done !== length) throw lengthError(url, length, String(done));
  return bytes;
}

/** Reads a body of unknown length. */
export async function readAll(url: URL, response: Response, signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  await forEachChunk(url, response, signal, (chunk) => {
    chunks.push(chunk);
    length += chunk.length;
  });
  const bytes = allocate(length, displayUrl(url));
  let done = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, done);
    done += chunk.length;
  }
  return bytes;
}

async function forEachChunk(
  url: URL,
  response: Response,
  signal: AbortSignal | undefined,
  take: (chunk: Uint8Array) => void,
): Promise<void> {
  const reader = response.body?.getReader();
  if (reader === undefined) return;
  for (;;) {
    let part: ReadableStreamReadResult<Uint8Array>;
    try {
      part = await reader.read();
    } catch (cause) {
      throw networkError(url, cause, signal);
    }
    if (part.done) return;
    try {
      signal?.throwIfAborted(); // an injected fetch may not heed the signal
      take(part.value);
    } catch (error) {
      await reader.cancel().catch(() => undefined);
      throw error;
    }
  }
}

function networkError(url: URL, cause: unknown, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted) return signal.reason;
  const detail =
    cause instanceof Error
      ? `${cause.message}${cause.cause instanceof Error ? ` (${cause.cause.message})` : ''}`
      : String(cause);
  return new DownloadError(`${displayUrl(url)}: the connection failed: ${detail}. Check the network and try again.`, {
    cause,
    facts: { url: displayUrl(url) },
  });
}

function lengthError(url: URL, expected: number, actual: string): DownloadError {
  return new DownloadError(`${displayUrl(url)}: the server sent ${actual} bytes, expected ${expected}. Try again.`, {
    facts: { url: displayUrl(url), expected, actual },
  });
}
