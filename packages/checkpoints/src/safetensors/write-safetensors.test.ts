import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { dtypeBytes, safetensorsDtypes } from './dtypes.ts';
import { openSafetensors } from './open-safetensors.ts';
import { planShards } from './plan-shards.ts';
import { writeSafetensors, type TensorBytes } from './write-safetensors.ts';

const model = new URL('../../../../apps/models/llama-4m/', import.meta.url);
const headerText = (file: Uint8Array): string =>
  new TextDecoder().decode(file.subarray(8, 8 + new DataView(file.buffer).getUint32(0, true)));

test('a file that the reference implementation wrote is written again byte for byte', async () => {
  for (const shard of [1, 2, 3, 4]) {
    const bytes = new Uint8Array(await readFile(new URL(`model-0000${shard}-of-00004.safetensors`, model)));
    const reader = await openSafetensors(bytes);
    const tensors = await Promise.all(
      [...reader.tensors.values()].reverse().map(async (entry) => ({ ...entry, bytes: await reader.read(entry.name) })),
    );
    expect(Buffer.compare(writeSafetensors(tensors, { metadata: reader.metadata }), bytes)).toBe(0);
  }
});

test('any set of tensors survives writing and reading', async () => {
  const tensor = fc
    .record({
      name: fc.string({ unit: 'grapheme', maxLength: 12 }),
      dtype: fc.constantFrom(...safetensorsDtypes()),
      shape: fc.array(fc.nat(4), { maxLength: 4 }),
    })
    .filter(({ name }) => name !== '__metadata__')
    .chain((head) => {
      const length = head.shape.reduce((product, dim) => product * dim, dtypeBytes(head.dtype));
      return fc.uint8Array({ minLength: length, maxLength: length }).map((bytes): TensorBytes => ({ ...head, bytes }));
    });
  const tensors = fc.uniqueArray(tensor, { selector: ({ name }) => name, maxLength: 8 });
  const metadata = fc.dictionary(fc.string(), fc.string(), { maxKeys: 4 });
  await fc.assert(
    fc.asyncProperty(tensors, metadata, async (given, pairs) => {
      const file = writeSafetensors(given, { metadata: pairs });
      const reader = await openSafetensors(file);
      expect(new Map(reader.metadata)).toEqual(new Map([['format', 'pt'], ...Object.entries(pairs)]));
      expect(reader.tensors.size).toBe(given.length);
      for (const { name, dtype, shape, bytes } of given) {
        const entry = reader.tensors.get(name);
        expect(entry).toMatchObject({ name, dtype, shape, byteLength: bytes.length });
        expect((entry?.byteOffset ?? 1) % dtypeBytes(dtype)).toBe(0); // aligned in the file, for readers that map it
        expect(await reader.read(name)).toEqual(bytes);
      }
    }),
    { numRuns: 500, seed: 4 },
  );
});

test('metadata comes first, wide types before narrow ones, then names by code point, padded with spaces to 8 bytes', () => {
  const one = (name: string, dtype: TensorBytes['dtype'], width: number): TensorBytes => ({
    name,
    dtype,
    shape: [1],
    bytes: new Uint8Array(width),
  });
  const file = writeSafetensors([
    one('b', 'U8', 1),
    one('\u{1f600}', 'F32', 4),
    one('\uffee', 'F32', 4),
    one('a', 'F32', 4),
    one('z', 'I64', 8),
  ]);
  const text = headerText(file);
  expect(
    text.startsWith('{"__metadata__":{"format":"pt"},"z":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},"a":{'),
  ).toBe(true);
  expect([...text.matchAll(/"([^"]+)":\{"dtype"/g)].map((match) => match[1])).toEqual([
    'z',
    'a',
    '\uffee',
    '\u{1f600}',
    'b',
  ]);
  expect(/^.*\} {0,7}$/.test(text)).toBe(true);
  expect(new TextEncoder().encode(text).length % 8).toBe(0);
});

test('what cannot be read back is refused', () => {
  const tensor: TensorBytes = { name: 'a', dtype: 'F32', shape: [2], bytes: new Uint8Array(8) };
  expect(() => writeSafetensors([tensor, tensor])).toThrow(
    'tensor "a": the name is repeated, expected each tensor under its own name. Correct what is to be saved.',
  );
  expect(() => writeSafetensors([{ ...tensor, name: '__metadata__' }])).toThrow(
    'tensor "__metadata__": the name is reserved',
  );
  expect(() => writeSafetensors([{ ...tensor, bytes: new Uint8Array(7) }])).toThrow(
    'tensor "a": there are 7 bytes, expected 8 for F32 [2]',
  );
  expect(() => writeSafetensors([{ ...tensor, shape: [-2] }])).toThrow(
    'tensor "a": the shape is [-2], expected whole numbers',
  );
  expect(() => writeSafetensors([{ ...tensor, dtype: 'F4' as 'F32' }])).toThrow(
    'tensor "a": the dtype is "F4", expected a dtype of safetensors',
  );
  expect(() => writeSafetensors([{ ...tensor, name: '\ud800' }])).toThrow('half a surrogate pair');
});

test('shards are filled in order and a tensor over the limit has its own', () => {
  const entry = (name: string, elements: number) => ({ name, dtype: 'F32' as const, shape: [elements] });
  const plan = planShards([entry('a', 2), entry('b', 2), entry('c', 100), entry('d', 1)], 16);
  expect(plan.shards.map(({ file, tensors }) => [file, tensors.map(({ name }) => name).join('')])).toEqual([
    ['model-00001-of-00003.safetensors', 'ab'],
    ['model-00002-of-00003.safetensors', 'c'],
    ['model-00003-of-00003.safetensors', 'd'],
  ]);
  expect(plan.index?.metadata).toEqual({ total_parameters: 105, total_size: 420 });
  expect(plan.index?.weight_map['c']).toBe('model-00002-of-00003.safetensors');
  expect(planShards([entry('a', 2)], 1)).toMatchObject({ shards: [{ file: 'model.safetensors' }], index: undefined });
  expect(planShards([], 1).shards).toEqual([{ file: 'model.safetensors', tensors: [] }]);
});
