import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { DownloadError } from '@tessera/tensor-core';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openSafetensors } from '../safetensors/open-safetensors.ts';
import { writeSafetensors } from '../safetensors/write-safetensors.ts';
import type { RandomAccessFile } from './file-source.ts';
import { readText } from './read-json.ts';
import { toFileSource } from './to-file-source.ts';
import { urlSource } from './url-source.ts';

const content = Uint8Array.from({ length: 1000 }, (_, index) => index % 251);
type Handler = (request: IncomingMessage, response: ServerResponse) => void;

let server: Server;
let base = '';
let handler: Handler;
let seen: string[] = [];

beforeEach(async () => {
  seen = [];
  server = createServer((request, response) => {
    seen.push(`${request.method} ${request.url} ${request.headers.range ?? ''}`.trim());
    handler(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/org/model`;
});
afterEach(
  () =>
    new Promise<void>((resolve) => {
      server.closeAllConnections();
      server.close(() => resolve());
    }),
);

/** A server of one content that heeds ranges for GET, and answers HEAD. */
const ranged =
  (bytes: Uint8Array = content, headers: Record<string, string> = {}): Handler =>
  (request, response) => {
    const match = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
    if (request.method === 'HEAD' || match === null) {
      response.writeHead(200, { 'Content-Length': bytes.length, ...headers });
      return void response.end(request.method === 'HEAD' ? undefined : bytes);
    }
    const [start, end] = [Number(match[1]), match[2] ? Number(match[2]) : bytes.length - 1];
    response.writeHead(206, {
      'Content-Range': `bytes ${start}-${end}/${bytes.length}`,
      'Content-Length': end - start + 1,
      ...headers,
    });
    response.end(bytes.subarray(start, end + 1));
  };
const plain =
  (bytes: Uint8Array = content): Handler =>
  (request, response) => {
    response.writeHead(200, { 'Content-Length': bytes.length });
    response.end(request.method === 'HEAD' ? undefined : bytes);
  };
const status =
  (code: number): Handler =>
  (_, response) =>
    void response.writeHead(code).end('no');

async function open(path = 'model.safetensors'): Promise<RandomAccessFile> {
  const file = await (await toFileSource(base)).open(path);
  if (file === undefined) throw new Error('missing');
  return file;
}

test('ranges are fetched by Range, the size by HEAD', async () => {
  handler = ranged();
  const file = await open();
  expect(file.size).toBe(1000);
  expect(await file.read(10, 20)).toEqual(content.slice(10, 30));
  expect(await file.read(0, 0)).toHaveLength(0);
  expect(await file.read(0, 1000)).toEqual(content);
  await expect(file.read(990, 11)).rejects.toThrow('bytes 990 to 1001 were asked for, but the file has 1000 bytes');
  expect(seen).toEqual([
    'HEAD /org/model/model.safetensors bytes=0-',
    'GET /org/model/model.safetensors bytes=10-29',
    'GET /org/model/model.safetensors bytes=0-999',
  ]);
});

test('a server that ignores Range is asked for the whole file once, also by concurrent readers', async () => {
  handler = plain();
  const file = await open();
  const parts = await Promise.all([file.read(10, 20), file.read(500, 5), file.read(0, 8)]);
  expect(parts).toEqual([content.slice(10, 30), content.slice(500, 505), content.slice(0, 8)]);
  const before = seen.length;
  expect(await file.read(999, 1)).toEqual(content.slice(999));
  expect(seen).toHaveLength(before);
  await file.close?.();
});

test('a server that refuses HEAD tells the size with the first byte', async () => {
  handler = (request, response) => (request.method === 'HEAD' ? status(405) : ranged())(request, response);
  const file = await open();
  expect(file.size).toBe(1000);
  expect(await file.read(1, 2)).toEqual(content.slice(1, 3));
});

test('a server without HEAD, length and ranges gives the whole file', async () => {
  handler = (request, response) =>
    void (request.method === 'HEAD' ? response.writeHead(501).end() : response.writeHead(200).end(content));
  const file = await open();
  expect(file.size).toBe(1000);
  expect(await file.read(1, 2)).toEqual(content.slice(1, 3));
});

test('the length of a compressed answer is not taken for the size', async () => {
  handler = (request, response) => {
    if (request.method === 'HEAD') response.writeHead(200, { 'Content-Length': 7, 'Content-Encoding': 'gzip' }).end();
    else ranged()(request, response);
  };
  expect((await open()).size).toBe(1000);
});

test('an empty file has size 0', async () => {
  handler = (request, response) =>
    void (
      request.headers.range === 'bytes=0-0'
        ? response.writeHead(416, { 'Content-Range': 'bytes */0' })
        : response.writeHead(200, { 'Content-Length': 0 })
    ).end();
  const file = await open();
  expect([file.size, await file.read(0, 0)]).toEqual([0, new Uint8Array(0)]);
});

test('a file that is not there is undefined', async () => {
  handler = status(404);
  expect(await (await toFileSource(base)).open('config.json')).toBeUndefined();
});

test.each([
  [401, 'Pass a token that may read it.'],
  [403, 'Pass a token that may read it.'],
  [429, 'Wait, then try again.'],
  [500, 'Try again later.'],
])('status %i is a DownloadError with the status', async (code, mend) => {
  handler = status(code);
  const error = await open().catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(DownloadError);
  expect((error as DownloadError).message).toContain(`/org/model/model.safetensors: the server answered ${code}`);
  expect((error as DownloadError).message).toContain(mend);
  expect((error as DownloadError).facts).toMatchObject({ status: code });
});

test('a file that vanishes between opening and reading is a DownloadError', async () => {
  handler = ranged();
  const file = await open();
  handler = status(404);
  await expect(file.read(0, 4)).rejects.toMatchObject({ code: 'DOWNLOAD', facts: { status: 404 } });
});

test('a file that changes between two reads is refused', async () => {
  handler = ranged(content, { ETag: '"one"' });
  const file = await open();
  handler = ranged(content, { ETag: '"two"' });
  await expect(file.read(0, 4)).rejects.toThrow(
    'the server sent another version of the file, expected bytes 0 to 3 of the file that was opened. Load the model again.',
  );
  handler = ranged(content.subarray(0, 900));
  await expect(file.read(0, 4)).rejects.toThrow('another version of the file');
});

test('another range than was asked for is refused', async () => {
  handler = (request, response) => {
    if (request.method === 'HEAD') return ranged()(request, response);
    response.writeHead(206, { 'Content-Range': 'bytes 0-3/1000' }).end(content.subarray(0, 4));
  };
  await expect((await open()).read(4, 4)).rejects.toThrow('the server sent bytes 0 to 3, expected bytes 4 to 7');
});

test('more or fewer bytes than were asked for are refused', async () => {
  let bytes = content.subarray(0, 5);
  handler = (request, response) =>
    void (request.method === 'HEAD' ? ranged()(request, response) : response.writeHead(206).end(bytes));
  const file = await open();
  await expect(file.read(0, 4)).rejects.toThrow('the server sent more than 4 bytes, expected 4. Try again.');
  bytes = content.subarray(0, 3);
  await expect(file.read(0, 4)).rejects.toThrow('the server sent 3 bytes, expected 4.');
});

test('a connection that breaks mid-way is a DownloadError, and the next read can succeed', async () => {
  handler = ranged();
  const file = await open();
  handler = (_, response) => {
    response.writeHead(206, { 'Content-Range': 'bytes 0-99/1000', 'Content-Length': 100 });
    response.write(content.subarray(0, 10), () => response.destroy());
  };
  await expect(file.read(0, 100)).rejects.toMatchObject({
    name: 'DownloadError',
    message: expect.stringContaining('the connection failed:') as string,
  });
  handler = ranged();
  expect(await file.read(0, 100)).toEqual(content.slice(0, 100));
});

test('a server that cannot be reached is a DownloadError', async () => {
  const reserved = base.replace(/:\d+/, ':1');
  await expect(urlSource(reserved).open('x')).rejects.toThrow('the connection failed: fetch failed');
});

test('an abort mid-way rejects with the reason, with and without ranges', async () => {
  for (const heeds of [true, false]) {
    handler = ranged();
    const file = await open();
    const controller = new AbortController();
    const reason = new Error('the user left');
    handler = (_, response) => {
      response.writeHead(heeds ? 206 : 200, { 'Content-Length': heeds ? 100 : 1000 });
      response.write(content.subarray(0, 10), () => setTimeout(() => controller.abort(reason), 20));
    };
    await expect(file.read(0, 100, { signal: controller.signal })).rejects.toBe(reason);
    handler = plain();
    expect(await file.read(5, 5)).toEqual(content.slice(5, 10));
  }
});

test('a reader who shared a whole download does not fail when its first reader aborts', async () => {
  handler = plain();
  const file = await open();
  const controller = new AbortController();
  handler = (_, response) => {
    response.writeHead(200, { 'Content-Length': 1000 });
    response.write(content.subarray(0, 10));
  };
  const first = file.read(0, 5, { signal: controller.signal });
  await new Promise((resolve) => setTimeout(resolve, 50));
  const second = file.read(5, 5);
  handler = plain();
  controller.abort(new Error('left'));
  await expect(first).rejects.toThrow('left');
  expect(await second).toEqual(content.slice(5, 10));
});

test('an abort before the request sends none', async () => {
  handler = ranged();
  await expect(urlSource(base).open('x', { signal: AbortSignal.abort(new Error('stop')) })).rejects.toThrow('stop');
  expect(seen).toEqual([]);
});

test('paths are escaped, the query of the base is kept, and messages hide it', async () => {
  handler = ranged();
  const source = urlSource(`${base}/?sig=secret`);
  expect(source.name).toBe(`${base}/`);
  await source.open('sub folder/a#b%2e.json');
  expect(seen[0]).toBe('HEAD /org/model/sub%20folder/a%23b%252e.json?sig=secret bytes=0-');
  handler = status(500);
  await expect(source.open('x')).rejects.toThrow(/^(?!.*secret)/);
  await expect(source.open('../x')).rejects.toThrow('leads out of the folder');
});

test('an injected fetch and headers are used', async () => {
  handler = ranged();
  const calls: string[] = [];
  const source = await toFileSource(base, {
    headers: { Authorization: 'Bearer t' },
    fetch: (input, init) => {
      calls.push(`${init?.method} ${new Headers(init?.headers).get('Authorization')}`);
      return fetch(input, init);
    },
  });
  await readText(source, 'x', { limit: 1000 }).catch(() => undefined);
  expect(calls).toEqual(['HEAD Bearer t', 'GET Bearer t']);
});

test('a model is opened by ranges, its tensors one by one', async () => {
  const big = { name: 'big', dtype: 'U8' as const, shape: [200_000], bytes: new Uint8Array(200_000).fill(7) };
  handler = ranged(writeSafetensors([big, { name: 'small', dtype: 'U8', shape: [2], bytes: Uint8Array.of(1, 2) }]));
  const reader = await openSafetensors(urlSource(base));
  expect(await reader.read('small')).toEqual(Uint8Array.of(1, 2));
  expect(seen).toHaveLength(3);
  expect(await reader.read('big')).toEqual(big.bytes);
});
