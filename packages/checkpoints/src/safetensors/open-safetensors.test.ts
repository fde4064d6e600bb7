import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { directorySource } from '../source/directory-source.ts';
import type { FileSource } from '../source/file-source.ts';
import { memorySource } from '../source/memory-source.ts';
import { toFloat32 } from './convert.ts';
import { openSafetensors } from './open-safetensors.ts';
import { writeSafetensors } from './write-safetensors.ts';

const tensor = (name: string, fill: number) => ({
  name,
  dtype: 'F32' as const,
  shape: [2],
  bytes: new Uint8Array(8).fill(fill),
});
const index = (map: unknown): string => JSON.stringify({ metadata: {}, weight_map: map });
const one = writeSafetensors([tensor('a', 1), tensor('b', 2)]);
const two = writeSafetensors([tensor('c', 3)], { metadata: { note: 'x' } });
const sharded = {
  'model.safetensors.index.json': index({ a: '1.safetensors', b: '1.safetensors', c: '2.safetensors' }),
  '1.safetensors': one,
  '2.safetensors': two,
};

describe('a single file', () => {
  test('is opened from a source, bytes, an array buffer or a file', async () => {
    const inputs = [
      memorySource({ 'model.safetensors': one }),
      one,
      one.buffer,
      new Blob([one]),
      new File([one], 'picked.safetensors'),
    ];
    for (const input of inputs) {
      const reader = await openSafetensors(input);
      expect([...reader.tensors.keys()]).toEqual(['a', 'b']);
      expect(await reader.read('b')).toEqual(new Uint8Array(8).fill(2));
      await reader.close();
    }
    expect((await openSafetensors(new File([one], 'picked.safetensors'))).tensors.get('a')?.file).toBe(
      'picked.safetensors',
    );
  });

  test('gives bytes alone in their buffer, so that any view fits, and not those of the source', async () => {
    const odd = new Uint8Array([0, ...one]).subarray(1);
    const reader = await openSafetensors(odd);
    const bytes = await reader.read('b');
    expect([bytes.byteOffset, bytes.buffer.byteLength]).toEqual([0, 8]);
    expect(new Float32Array(bytes.buffer)).toHaveLength(2);
    bytes.fill(9);
    expect(await reader.read('b')).toEqual(new Uint8Array(8).fill(2));
  });

  test('gives a range of a tensor, alone in its buffer, and none outside of it', async () => {
    const numbers = { name: 'n', dtype: 'U8' as const, shape: [6], bytes: Uint8Array.of(0, 1, 2, 3, 4, 5) };
    const reader = await openSafetensors(writeSafetensors([tensor('a', 1), numbers, tensor('b', 2)]));
    const bytes = await reader.read('n', { range: { start: 2, end: 5 } });
    expect([...bytes, bytes.buffer.byteLength]).toEqual([2, 3, 4, 3]);
    expect(await reader.read('n', { range: { start: 6, end: 6 } })).toHaveLength(0);
    for (const range of [
      { start: 2, end: 7 },
      { start: -1, end: 2 },
      { start: 3, end: 2 },
    ])
      await expect(reader.read('n', { range })).rejects.toThrow('tensor "n": bytes');
  });

  test('is opened under another name', async () => {
    const reader = await openSafetensors(memorySource({ 'adapter.safetensors': two }), { file: 'adapter.safetensors' });
    expect(reader.metadata.get('note')).toBe('x');
  });

  test('that is missing is named, with what is there', async () => {
    await expect(openSafetensors(memorySource({}))).rejects.toThrow(
      'memory: there is no model.safetensors and no model.safetensors.index.json, expected the weights as safetensors. Check the address and the folder of the model.',
    );
    await expect(openSafetensors(memorySource({ 'pytorch_model.bin': '' }))).rejects.toThrow(
      'It has pytorch_model.bin; name that file, or export the model as safetensors.',
    );
    await expect(openSafetensors(memorySource({}), { file: 'x.safetensors' })).rejects.toThrow(
      'memory: there is no x.safetensors',
    );
  });

  test('has no tensor of another name, and the message offers names that end alike', async () => {
    const reader = await openSafetensors(writeSafetensors([tensor('model.layers.0.mlp.up.weight', 1)]));
    await expect(reader.read('layers.0.mlp.up.weight')).rejects.toThrow(
      'tensor "layers.0.mlp.up.weight": the checkpoint has no such tensor, expected one of its 1. Names that end alike: "model.layers.0.mlp.up.weight".',
    );
    await expect(reader.read('constructor')).rejects.toThrow('has no such tensor');
  });

  test('is not read after it was closed, nor after an abort', async () => {
    const reader = await openSafetensors(one);
    await expect(reader.read('a', { signal: AbortSignal.abort(new Error('stop')) })).rejects.toThrow('stop');
    await reader.close();
    await reader.close();
    await expect(reader.read('a')).rejects.toThrow('tensor "a": the files were closed');
  });

  test('with a header longer than the first read is read in two', async () => {
    const many = Array.from({ length: 2000 }, (_, at) => tensor(`model.layers.${at}.weight`, at));
    const reader = await openSafetensors(writeSafetensors(many));
    expect(reader.tensors.size).toBe(2000);
    expect(await reader.read('model.layers.1999.weight')).toEqual(new Uint8Array(8).fill(1999));
  });
});

describe('a sharded model', () => {
  test('is one map of tensors', async () => {
    const reader = await openSafetensors(memorySource(sharded));
    expect([...reader.tensors.values()].map(({ name, file }) => [name, file])).toEqual([
      ['a', '1.safetensors'],
      ['b', '1.safetensors'],
      ['c', '2.safetensors'],
    ]);
    expect(await reader.read('c')).toEqual(new Uint8Array(8).fill(3));
    expect(new Map(reader.metadata)).toEqual(
      new Map([
        ['format', 'pt'],
        ['note', 'x'],
      ]),
    );
  });

  test('has its shards beside the index', async () => {
    const inFolder = Object.fromEntries(Object.entries(sharded).map(([path, content]) => [`sub/${path}`, content]));
    expect(
      (await openSafetensors(memorySource(inFolder), { file: 'sub/model.safetensors.index.json' })).tensors.size,
    ).toBe(3);
  });

  const broken: [string, string, string][] = [
    ['no JSON', '{"weight_map":', 'model.safetensors.index.json: line 1, column 15: found the end, expected a value'],
    [
      'no object',
      '[]',
      'model.safetensors.index.json: weight_map is missing or no object, expected an object of tensor names to shard file names',
    ],
    ['no weight_map', '{}', 'weight_map is missing or no object'],
    ['a weight_map that is a list', index(['a']), 'weight_map is missing or no object'],
    ['a shard that is a number', index({ a: 1 }), 'weight_map of tensor "a" is no string'],
    [
      'a shard outside of the folder',
      index({ a: '../1.safetensors' }),
      'model.safetensors.index.json: weight_map: the file name "../1.safetensors" leads out of the folder',
    ],
    [
      'a shard by an absolute path',
      index({ a: '/etc/1.safetensors' }),
      'the file name "/etc/1.safetensors" is absolute',
    ],
    ['a shard on another drive', index({ a: 'C:\\1.safetensors' }), 'is absolute'],
    ['a shard with a backslash', index({ a: '..\\1.safetensors' }), 'has a backslash'],
    ['a shard that is an address', index({ a: 'http://x/1.safetensors' }), 'has an empty or "." segment'],
    ['a shard with a zero byte', index({ a: '1\0.safetensors' }), 'has a control character'],
    [
      'a shard of another kind',
      index({ a: 'config.json' }),
      'weight_map names the file "config.json", expected a name that ends with .safetensors',
    ],
    [
      'a shard that is missing',
      index({ a: '1.safetensors', d: '9.safetensors' }),
      'the shard "9.safetensors" is missing in memory, expected all 2 shards',
    ],
    [
      'a tensor that its shard lacks',
      index({ a: '1.safetensors', d: '1.safetensors' }),
      'tensor "d" is not in "1.safetensors", expected it there, as weight_map says',
    ],
    [
      'a tensor that is in another shard',
      index({ a: '1.safetensors', c: '1.safetensors', d: '2.safetensors' }),
      'tensor "c" is in "2.safetensors" too, beside "1.safetensors", expected each tensor in one shard',
    ],
    [
      'a tensor that is named twice',
      '{"weight_map":{"a":"1.safetensors","\\u0061":"2.safetensors"}}',
      'the key "a" is repeated, expected each key once',
    ],
    [
      'deep nesting',
      `{"weight_map":${'['.repeat(100_000)}`,
      'lists and objects are nested deeper, expected at most 8 levels',
    ],
  ];
  test.each(broken)('is refused when its index has %s', async (_, json, message) => {
    await expect(openSafetensors(memorySource({ ...sharded, 'model.safetensors.index.json': json }))).rejects.toThrow(
      message,
    );
  });

  test('with the same tensor in two shards is refused', async () => {
    const files = {
      'model.safetensors.index.json': index({ a: '1.safetensors', c: '2.safetensors' }),
      '1.safetensors': writeSafetensors([tensor('a', 1), tensor('x', 1)]),
      '2.safetensors': writeSafetensors([tensor('c', 1), tensor('x', 2)]),
    };
    await expect(openSafetensors(memorySource(files))).rejects.toThrow(
      'tensor "x" is in "2.safetensors" too, beside "1.safetensors"',
    );
  });

  test('with a damaged shard is refused, names the shard, and closes what was opened', async () => {
    let open = 0;
    const inner = memorySource({ ...sharded, '2.safetensors': two.subarray(0, two.length - 1) });
    const source: FileSource = {
      name: 'counted',
      async open(path) {
        const file = await inner.open(path);
        if (file === undefined) return undefined;
        open++;
        return { size: file.size, read: file.read, close: async () => void open-- };
      },
    };
    await expect(openSafetensors(source)).rejects.toThrow('2.safetensors: tensor "c" ends at byte');
    expect(open).toBe(0);
  });
});

test('the demo model opens from its directory and has finite weights', async () => {
  const source = await directorySource(fileURLToPath(new URL('../../../../apps/models/llama-4m', import.meta.url)));
  const reader = await openSafetensors(source);
  let elements = 0;
  for (const { name, dtype, shape } of reader.tensors.values()) {
    const values = toFloat32(await reader.read(name), dtype);
    expect(values.length).toBe(shape.reduce((product, dim) => product * dim, 1));
    expect(values.every(Number.isFinite)).toBe(true);
    elements += values.length;
  }
  expect(elements).toBe(3_344_640);
  await reader.close();
});
