import { expect, test } from 'vitest';
import type { FileSource } from './file-source.ts';
import { memorySource } from './memory-source.ts';
import { readJson, readJsonIfPresent, readText, readTextIfPresent } from './read-json.ts';

test('text and JSON are read, and a byte order mark is left out', async () => {
  const source = memorySource({ 'a.json': '\ufeff{"a":[1]}', 't.txt': 'é' });
  expect(await readJson(source, 'a.json')).toEqual({ a: [1] });
  expect(await readText(source, 't.txt')).toBe('é');
});

test('a missing file is named, or undefined where that is asked for', async () => {
  const source = memorySource({});
  await expect(readJson(source, 'config.json')).rejects.toThrow(
    'memory: there is no config.json. Check the address and the folder of the model.',
  );
  expect(await readJsonIfPresent(source, 'config.json')).toBeUndefined();
  expect(await readTextIfPresent(source, 'config.json')).toBeUndefined();
});

test('a file over the limit is refused before a byte of it is read', async () => {
  const sized = (size: number): FileSource => ({
    name: 'sized',
    open: () => Promise.resolve({ size, read: () => Promise.reject(new Error('was read')) }),
  });
  await expect(readJson(sized(4 * 2 ** 20 + 1), 'config.json')).rejects.toThrow(
    'config.json: the file has 4194305 bytes, expected at most 4194304.',
  );
  await expect(readJson(sized(128 * 2 ** 20 + 1), 'sub/tokenizer.json')).rejects.toThrow('expected at most 134217728');
  await expect(readJson(sized(128 * 2 ** 20), 'tokenizer.json')).rejects.toThrow('was read');
  await expect(readText(sized(11), 'x', { limit: 10 })).rejects.toThrow('expected at most 10');
});

test('bytes that are not UTF-8 are refused', async () => {
  await expect(readText(memorySource({ x: Uint8Array.of(0xff) }), 'x')).rejects.toThrow(
    'x: the bytes are not UTF-8 text. The file is damaged; fetch it again.',
  );
});

test('an abort rejects with its reason', async () => {
  await expect(
    readJson(memorySource({ x: '{}' }), 'x', { signal: AbortSignal.abort(new Error('stop')) }),
  ).rejects.toThrow('stop');
});

test('the file is closed, also after an error', async () => {
  let closed = 0;
  const source: FileSource = {
    name: 'counted',
    open: () =>
      Promise.resolve({
        size: 1,
        read: () => Promise.resolve(Uint8Array.of(0x78)),
        close: () => (closed++, Promise.resolve()),
      }),
  };
  await expect(readJson(source, 'x')).rejects.toThrow('x: line 1, column 1: found "x", expected a value');
  expect(closed).toBe(1);
});
