import { isTesseraError } from '@tessera/tensor-core';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseSafetensorsHeader } from './parse-header.ts';
import { writeSafetensors } from './write-safetensors.ts';

/** Far above what any of these files takes (the slowest some milliseconds): a guard against hangs, on busy machines too. */
const hangMs = 5000;

/** Whether a file parses; anything but a header that covers the file, an error of ours or a hang throws. */
function parses(bytes: Uint8Array): boolean {
  const start = performance.now();
  const covered = coveredBytes(bytes);
  const took = performance.now() - start;
  if (took > hangMs) throw new Error(`took ${took} ms`);
  if (covered !== undefined && covered !== bytes.length)
    throw new Error(`the header covers ${covered} of ${bytes.length} bytes`);
  return covered !== undefined;
}

function coveredBytes(bytes: Uint8Array): number | undefined {
  try {
    const { tensors, dataOffset } = parseSafetensorsHeader(bytes);
    return [...tensors.values()].reduce((sum, { byteLength }) => sum + byteLength, dataOffset);
  } catch (error) {
    if (!isTesseraError(error) || error.code !== 'MODEL_FORMAT') throw error;
    return undefined;
  }
}

function framed(json: string, data: number): Uint8Array {
  const header = new TextEncoder().encode(json);
  const bytes = new Uint8Array(8 + header.length + data);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(header.length), true);
  bytes.set(header, 8);
  return bytes;
}

const valid = writeSafetensors([
  { name: 'model.embed.weight', dtype: 'BF16', shape: [4, 3], bytes: new Uint8Array(24) },
  { name: 'model.norm.weight', dtype: 'F32', shape: [3], bytes: new Uint8Array(12) },
  { name: 'scale', dtype: 'F32', shape: [], bytes: new Uint8Array(4) },
  { name: 'none', dtype: 'I64', shape: [0, 7], bytes: new Uint8Array(0) },
]);
const headerEnd = valid.length - 40;

test('60 000 mutations of a valid file parse or are refused', () => {
  const edit = fc.record({
    at: fc.nat(headerEnd - 1),
    byte: fc.oneof(fc.nat(255), fc.constantFrom(...'{}[]",:0123456789-.eE\\u \n')),
  });
  let accepted = 0;
  const property = fc.property(
    fc.array(edit, { minLength: 1, maxLength: 4 }),
    fc.constantFrom('set', 'insert', 'delete', 'cut'),
    (edits, how) => {
      let bytes = valid.slice();
      for (const { at, byte } of edits) {
        const value = typeof byte === 'string' ? byte.charCodeAt(0) : byte;
        if (how === 'set') bytes[at] = value;
        else if (how === 'cut') bytes = bytes.slice(0, at);
        else
          bytes = Uint8Array.from([
            ...bytes.subarray(0, at),
            ...(how === 'insert' ? [value] : []),
            ...bytes.subarray(how === 'insert' ? at : at + 1),
          ]);
      }
      // Two of three with a length that fits, so that the parser behind the length check is reached.
      if (how !== 'cut' && bytes.length > 48 && (edits[0]?.at ?? 0) % 3 > 0)
        new DataView(bytes.buffer).setBigUint64(0, BigInt(bytes.length - 48), true);
      if (parses(bytes)) accepted++;
    },
  );
  fc.assert(property, { numRuns: 60_000, seed: 1 });
  expect(accepted).toBeGreaterThan(100); // a changed name or dtype is still a valid file
});

test('10 000 files of random bytes parse or are refused', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.boolean(), (bytes, frame) => {
      const file = frame ? framed(new TextDecoder('latin1').decode(bytes), 0) : bytes;
      expect(() => parses(file)).not.toThrow();
    }),
    { numRuns: 10_000, seed: 2 },
  );
});

test('30 000 headers of hostile values parse or are refused', () => {
  const number = fc.constantFrom(
    '0',
    '1',
    '4',
    '-1',
    '1.5',
    '1e3',
    '2147483648',
    '4294967296',
    '9007199254740991',
    '9007199254740992',
    '9223372036854775807',
    '18446744073709551615',
    '1e400',
    'NaN',
    'null',
    '"4"',
    '00',
    '-0',
  );
  const list = fc.array(number, { maxLength: 5 }).map((items) => `[${items.join(',')}]`);
  const hostile = fc.oneof(
    list,
    number,
    fc.json({ maxDepth: 4 }),
    fc.nat(3000).map((depth) => '['.repeat(depth)),
    fc.nat(3000).map((depth) => '{"a":'.repeat(depth)),
  );
  const dtype = fc.constantFrom(
    '"F32"',
    '"BF16"',
    '"BOOL"',
    '"F4"',
    '"f32"',
    '"__proto__"',
    '"constructor"',
    '""',
    'null',
    '0',
  );
  const field = fc.oneof(
    { weight: 4, arbitrary: dtype.map((value) => `"dtype":${value}`) },
    { weight: 4, arbitrary: fc.oneof({ weight: 3, arbitrary: list }, hostile).map((value) => `"shape":${value}`) },
    {
      weight: 4,
      arbitrary: fc.oneof({ weight: 3, arbitrary: list }, hostile).map((value) => `"data_offsets":${value}`),
    },
    { weight: 1, arbitrary: hostile.map((value) => `"__proto__":${value}`) },
  );
  const entry = fc.oneof(
    {
      weight: 3,
      arbitrary: fc.tuple(dtype, list, list).map(([a, b, c]) => `{"dtype":${a},"shape":${b},"data_offsets":${c}}`),
    },
    { weight: 2, arbitrary: fc.array(field, { maxLength: 5 }).map((fields) => `{${fields.join(',')}}`) },
    { weight: 1, arbitrary: hostile },
  );
  const name = fc.oneof(
    fc.constantFrom('a', '\\u0061', 'b', '__proto__', 'constructor', '__metadata__', 'toString', '\\ud800', ''),
    fc.string().map((text) => JSON.stringify(text).slice(1, -1)),
  );
  const header = fc
    .array(fc.tuple(name, entry), { maxLength: 5 })
    .map((entries) => `{${entries.map(([key, value]) => `"${key}":${value}`).join(',')}}`);
  fc.assert(
    fc.property(header, fc.constantFrom(0, 4, 8, 100), (json, data) => {
      parses(framed(json, data));
    }),
    { numRuns: 30_000, seed: 3 },
  );
  expect(Object.keys(Object.prototype)).toEqual([]);
});
