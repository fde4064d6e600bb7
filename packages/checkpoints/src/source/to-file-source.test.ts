import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { blobSource } from './blob-source.ts';
import type { FileSource, RandomAccessFile } from './file-source.ts';
import { folderSource } from './folder-source.ts';
import { memorySource } from './memory-source.ts';
import { readText } from './read-json.ts';
import { toFileSource, type FileSourceInput } from './to-file-source.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tessera-'));
  await mkdir(join(folder, 'sub'));
  await writeFile(join(folder, 'config.json'), '0123456789');
  await writeFile(join(folder, 'sub/x.txt'), 'x');
  await symlink(join(folder, 'config.json'), join(folder, 'link.json'));
});
afterAll(() => rm(folder, { recursive: true }));

const opened = async (source: FileSource, path: string): Promise<RandomAccessFile> => {
  const file = await source.open(path);
  if (file === undefined) throw new Error(`${path} is missing`);
  return file;
};
const picked = (path: string, content: string): File => {
  const file = new File([content], path.slice(path.lastIndexOf('/') + 1));
  Object.defineProperty(file, 'webkitRelativePath', { value: path.includes('/') ? path : '' });
  return file;
};

describe('every source', () => {
  const content = '0123456789';
  const inputs: [string, () => FileSourceInput][] = [
    ['a directory', () => folder],
    ['a file address', () => pathToFileURL(folder)],
    ['text of a file address', () => pathToFileURL(folder).href],
    ['text in memory', () => ({ 'config.json': content })],
    ['bytes in memory', () => ({ 'config.json': new TextEncoder().encode(content) })],
    ['an array buffer in memory', () => ({ 'config.json': new TextEncoder().encode(content).buffer })],
    ['blobs', () => ({ 'config.json': new Blob([content]) })],
    ['blobs and text', () => ({ 'config.json': new Blob([content]), 'other.txt': 'x' })],
    ['picked files', () => [picked('config.json', content)]],
    ['a picked folder', () => [picked('my-model/config.json', content), picked('my-model/sub/x.txt', 'x')]],
    ['a source', () => memorySource({ 'config.json': content })],
  ];
  test.each(inputs)('reads ranges of a file, and knows what it lacks: %s', async (_, input) => {
    const source = await toFileSource(input());
    const file = await opened(source, 'config.json');
    expect(file.size).toBe(10);
    expect(new TextDecoder().decode(await file.read(3, 4))).toBe('3456');
    expect(await file.read(10, 0)).toHaveLength(0);
    const bytes = await file.read(2, 2);
    expect([bytes.byteOffset, bytes.buffer.byteLength]).toEqual([0, 2]);
    await expect(file.read(8, 3)).rejects.toThrow('bytes 8 to 11 were asked for, but the file has 10 bytes');
    await expect(file.read(-1, 1)).rejects.toThrow('bytes -1 to 0 were asked for');
    await expect(file.read(0, 1, { signal: AbortSignal.abort(new Error('stop')) })).rejects.toThrow('stop');
    await file.close?.();
    await file.close?.();
    for (const name of ['missing.json', 'constructor', '__proto__', 'config.json/x'])
      expect(await source.open(name)).toBeUndefined();
    for (const name of ['../config.json', '/etc/passwd', 'a/../b', './a', '', 'C:/x', 'a\\b', 'a\0'])
      await expect(source.open(name)).rejects.toThrow('expected a plain relative name');
    expect(await source.list?.()).toContain('config.json');
  });
});

test('a directory that does not exist is named, with what is expected', async () => {
  const missing = join(folder, 'missing');
  await expect(toFileSource(missing)).rejects.toThrow(
    `${missing}: there is no such directory, expected a directory with config.json and model.safetensors. Correct the path.`,
  );
  await expect(toFileSource(join(folder, 'config.json'))).rejects.toThrow('this is a file, expected a directory');
});

test('a directory lists its files with folders and links, and follows links', async () => {
  const source = await toFileSource(folder);
  expect(await source.list?.()).toEqual(['config.json', 'link.json', 'sub/x.txt']);
  expect(await readText(source, 'link.json')).toBe('0123456789');
});

test('what is no regular file is refused without waiting for it', async () => {
  const source = await toFileSource(folder);
  await expect(source.open('sub')).rejects.toThrow('the file cannot be opened: it is not a regular file');
  execFileSync('mkfifo', [join(folder, 'pipe')]);
  await expect(source.open('pipe')).rejects.toThrow('it is not a regular file');
  await rm(join(folder, 'pipe'));
});

test('a file that is cut short while it is open is noticed', async () => {
  await writeFile(join(folder, 'short.bin'), 'long enough');
  const file = await opened(await toFileSource(folder), 'short.bin');
  await truncate(join(folder, 'short.bin'), 4);
  await expect(file.read(2, 6)).rejects.toThrow('bytes 2 to 8 were asked for, but the file has 4 bytes');
  await file.close?.();
  await rm(join(folder, 'short.bin'));
});

test('two picked files with one path are refused', () => {
  expect(() => blobSource([picked('a.json', '1'), picked('a.json', '2')])).toThrow(
    'files: two files have the path "a.json", expected one. Pick the files of one model.',
  );
});

test('a folder of a source is a source', async () => {
  const source = folderSource(memorySource({ 'sub/a': '1', 'sub/deep/b': '2', c: '3' }), 'sub/');
  expect(source.name).toBe('memory/sub');
  expect(await source.list?.()).toEqual(['a', 'deep/b']);
  expect(await readText(source, 'deep/b')).toBe('2');
  await expect(source.open('../c')).rejects.toThrow('leads out of the folder');
  expect(() => folderSource(source, '..')).toThrow('leads out of the folder');
});

test('other values and schemes are refused', async () => {
  for (const input of [1, null, undefined, [1], ['x'], { a: 1 }, new Map(), () => 1]) {
    await expect(toFileSource(input as never)).rejects.toThrow('files: expected a directory path, an http(s) address');
  }
  await expect(toFileSource(new URL('ftp://example.org/x'))).rejects.toThrow(
    'the scheme is ftp:, expected http: or https:',
  );
});
