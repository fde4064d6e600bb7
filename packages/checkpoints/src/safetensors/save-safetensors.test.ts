import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { directorySink } from '../source/directory-sink.ts';
import { directorySource } from '../source/directory-source.ts';
import { memorySink } from '../source/memory-sink.ts';
import { memorySource } from '../source/memory-source.ts';
import { openSafetensors } from './open-safetensors.ts';
import { saveSafetensors, type LazyTensor } from './save-safetensors.ts';

let folder = '';
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'tessera-'))));
afterEach(() => rm(folder, { recursive: true }));

const tensors: LazyTensor[] = ['a', 'b', 'c'].map((name, index) => ({
  name,
  dtype: 'F32',
  shape: [2],
  bytes: () => Promise.resolve(new Uint8Array(8).fill(index + 1)),
}));

test('a model is saved as shards into a directory and opened again', async () => {
  const plan = await saveSafetensors(directorySink(join(folder, 'new/model')), tensors, { maxShardBytes: 16 });
  expect(plan.shards).toHaveLength(2);
  expect((await readdir(join(folder, 'new/model'))).sort()).toEqual([
    'model-00001-of-00002.safetensors',
    'model-00002-of-00002.safetensors',
    'model.safetensors.index.json',
  ]);
  const reader = await openSafetensors(await directorySource(join(folder, 'new/model')));
  expect([...reader.tensors.keys()]).toEqual(['a', 'b', 'c']);
  expect(await reader.read('c')).toEqual(new Uint8Array(8).fill(3));
  await reader.close();
});

test('an interrupted save leaves the old file and no part of the new one', async () => {
  await saveSafetensors(directorySink(folder), tensors);
  const before = await readFile(join(folder, 'model.safetensors'));
  const failing = tensors.map((tensor) =>
    tensor.name === 'b' ? { ...tensor, bytes: () => Promise.reject(new Error('the device was lost')) } : tensor,
  );
  await expect(saveSafetensors(directorySink(folder), failing)).rejects.toThrow('the device was lost');
  expect(await readdir(folder)).toEqual(['model.safetensors']);
  expect(await readFile(join(folder, 'model.safetensors'))).toEqual(before);
});

test('an aborted save rejects with the reason', async () => {
  const controller = new AbortController();
  const stopping = tensors.map((tensor) => ({
    ...tensor,
    bytes: () => (controller.abort(new Error('enough')), new Uint8Array(8)),
  }));
  await expect(saveSafetensors(directorySink(folder), stopping, { signal: controller.signal })).rejects.toThrow(
    'enough',
  );
  expect(await readdir(folder)).toEqual([]);
});

test('bytes that do not fit are refused before the file has its name', async () => {
  const sink = memorySink();
  await expect(
    saveSafetensors(sink, [{ name: 'a', dtype: 'F16', shape: [3], bytes: new Uint8Array(5) }]),
  ).rejects.toThrow('tensor "a": there are 5 bytes, expected 6 for F16 [3]');
  await expect(saveSafetensors(sink, [...tensors, ...tensors], { maxShardBytes: 8 })).rejects.toThrow(
    'the name is repeated',
  );
  expect(sink.files.size).toBe(0);
});

test('a save in one file replaces a sharded one, and the other way round', async () => {
  const sink = memorySink();
  await saveSafetensors(sink, tensors, { maxShardBytes: 8 });
  await saveSafetensors(sink, tensors.slice(0, 1));
  expect([...(await openSafetensors(memorySource(sink.files))).tensors.keys()]).toEqual(['a']);
  await saveSafetensors(sink, tensors, { maxShardBytes: 8, metadata: { note: 'second' } });
  const reader = await openSafetensors(memorySource(sink.files));
  expect(reader.tensors.size).toBe(3);
  expect(new Map(reader.metadata)).toEqual(
    new Map([
      ['format', 'pt'],
      ['note', 'second'],
    ]),
  );
});

test('a sink refuses paths that lead out of it', async () => {
  await expect(directorySink(folder).write('../x', [])).rejects.toThrow('the file name "../x" leads out of the folder');
  await expect(memorySink().write('/x', [])).rejects.toThrow('the file name "/x" is absolute');
});
