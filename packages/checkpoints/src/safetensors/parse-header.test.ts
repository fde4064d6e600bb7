import { isTesseraError, ModelFormatError } from '@tessera/tensor-core';
import { describe, expect, test } from 'vitest';
import { parseSafetensorsHeader, type SafetensorsHeader } from './parse-header.ts';

const f32 = (shape: string, begin: number | string, end: number | string): string =>
  `{"dtype":"F32","shape":${shape},"data_offsets":[${begin},${end}]}`;

/** A file of this header and `data` zero bytes. */
function fileOf(header: string | Uint8Array, data = 0, length?: bigint): Uint8Array {
  const json = typeof header === 'string' ? new TextEncoder().encode(header) : header;
  const bytes = new Uint8Array(8 + json.length + data);
  new DataView(bytes.buffer).setBigUint64(0, length ?? BigInt(json.length), true);
  bytes.set(json, 8);
  return bytes;
}

/** The error for a file. A machine to itself takes less than 100 ms for each of them; the bound is a guard against hangs. */
function failure(bytes: Uint8Array): ModelFormatError {
  const start = performance.now();
  const error = attempt(bytes);
  expect(performance.now() - start).toBeLessThan(5000);
  return error;
}

function attempt(bytes: Uint8Array): ModelFormatError {
  try {
    parseSafetensorsHeader(bytes);
  } catch (error) {
    expect(isTesseraError(error)).toBe(true);
    expect((error as ModelFormatError).code).toBe('MODEL_FORMAT');
    expect((error as ModelFormatError).facts['file']).toContain('model.safetensors');
    return error as ModelFormatError;
  }
  throw new Error('the header was accepted');
}

const parse = (header: string, data = 0): SafetensorsHeader => parseSafetensorsHeader(fileOf(header, data));

describe('a header is refused', () => {
  const length: [string, Uint8Array, string][] = [
    [
      'when the file is empty',
      new Uint8Array(0),
      "the file has 0 bytes, expected at least the 8 of the header's length",
    ],
    [
      'when the file is shorter than 8 bytes',
      new Uint8Array(7),
      "the file has 7 bytes, expected at least the 8 of the header's length",
    ],
    ['when its length is 0', fileOf('{}', 0, 0n), 'the header length is 0, expected at least 2'],
    [
      'when its length is over the cap',
      fileOf('{}', 0, 100_000_001n),
      'the header length is 100000001, expected at most 100000000 bytes',
    ],
    ['when its length is 2^53', fileOf('{}', 0, 1n << 53n), 'the header length is 9007199254740992, expected at most'],
    [
      'when its length is 2^64 - 1',
      fileOf('{}', 0, (1n << 64n) - 1n),
      'the header length is 18446744073709551615, expected at most',
    ],
    [
      'when its length is over the file',
      fileOf('{}', 0, 3n),
      'the header length is 3, expected at most the 2 bytes that follow it',
    ],
  ];
  test.each(length)('%s', (_, bytes, message) => expect(failure(bytes).message).toContain(message));

  const text: [string, string, string][] = [
    ['when it begins with white space', ' {}', 'line 1, column 1: found " ", expected "{" as the first character'],
    ['when it begins with a byte order mark', '\ufeff{}', 'expected "{" as the first character'],
    ['when it is a list', '[]', 'found "[", expected "{" as the first character'],
    ['when it is cut', '{"a":', 'found the end, expected an object with dtype, shape and data_offsets for tensor "a"'],
    ['when a comma trails', '{"__metadata__":{},}', `found "}", expected a tensor name in quotes`],
    ['when something follows it', '{}x', 'found "x", expected nothing but spaces after the header'],
    ['when it is padded with line ends', '{}\n', 'found "\\n", expected nothing but spaces after the header'],
    [
      'when something follows its padding',
      '{}   x ',
      'line 1, column 6: found "x", expected nothing but spaces after the header',
    ],
    ['when it is padded with zeros', '{}\0', 'found "\\u0000", expected nothing but spaces after the header'],
    ['when a name has a raw control character', '{"a\n":1}', 'found "\\n", expected the rest of a string'],
    ['when an escape is not one of JSON', '{"\\x41":1}', 'expected a string with the escapes of JSON'],
    [
      'when a name has half a surrogate pair',
      `{"\\ud800":${f32('[0]', 0, 0)}}`,
      'expected whole surrogate pairs in a string',
    ],
    [
      'when a name is very long',
      `{"${'a'.repeat(5000)}":1}`,
      'found a longer one, expected a tensor name in quotes of at most 2048 characters',
    ],
    [
      'when white space goes on and on',
      `{${' '.repeat(9000)}}`,
      'found more, expected at most 4096 characters of white space',
    ],
    [
      'when an entry is a list',
      '{"a":[]}',
      'found "[", expected an object with dtype, shape and data_offsets for tensor "a"',
    ],
    ['when an entry is null', '{"a":null}', 'found "n", expected an object with'],
    ['when it is nested deep', `{"a":${'['.repeat(100_000)}`, 'found "[", expected an object with'],
    [
      'when a shape is nested deep',
      `{"a":{"shape":${'['.repeat(100_000)}`,
      'found "[", expected a dimension, a whole number',
    ],
    ['when metadata is nested', '{"__metadata__":{"a":{}}}', 'found "{", expected a string as value of "__metadata__"'],
    ['when metadata is a list', '{"__metadata__":[]}', 'expected an object of strings as "__metadata__"'],
    ['when metadata is null', '{"__metadata__":null}', 'expected an object of strings as "__metadata__"'],
    [
      'when metadata holds a number',
      '{"__metadata__":{"a":1}}',
      'found "1", expected a string as value of "__metadata__"',
    ],
    [
      'when metadata repeats a key',
      '{"__metadata__":{"a":"","\\u0061":""}}',
      'found "a" again, expected each key of "__metadata__" once',
    ],
    [
      'when metadata is repeated',
      '{"__metadata__":{},"__metadata__":{}}',
      'the name "__metadata__" is repeated in the header',
    ],
    [
      'when a name is repeated',
      `{"a":${f32('[0]', 0, 0)},"a":${f32('[0]', 0, 0)}}`,
      'the name "a" is repeated in the header, expected each name once',
    ],
    [
      'when a name is repeated in another spelling',
      `{"a/b":${f32('[0]', 0, 0)},"\\u0061\\/b":${f32('[0]', 0, 0)}}`,
      'the name "a/b" is repeated',
    ],
    [
      'when __proto__ is repeated',
      `{"__proto__":${f32('[0]', 0, 0)},"__proto__":${f32('[0]', 0, 0)}}`,
      'the name "__proto__" is repeated',
    ],
    [
      'when an entry repeats a key',
      '{"a":{"dtype":"F32","dtype":"F32"}}',
      'tensor "a": the key "dtype" is repeated, expected each key once',
    ],
    [
      'when an entry has an unknown key',
      '{"a":{"dtype":"F32","strides":[1]}}',
      'tensor "a": the key "strides" is unknown, expected dtype, shape and data_offsets',
    ],
    [
      'when an entry has a __proto__',
      '{"a":{"__proto__":{"dtype":"F32"}}}',
      'tensor "a": the key "__proto__" is unknown',
    ],
    ['when an entry is empty', '{"a":{}}', 'tensor "a": dtype is missing'],
    ['when the shape is missing', '{"a":{"dtype":"F32","data_offsets":[0,0]}}', 'tensor "a": shape is missing'],
    ['when the offsets are missing', '{"a":{"dtype":"F32","shape":[0]}}', 'tensor "a": data_offsets is missing'],
    [
      'when a dtype is unknown',
      '{"a":{"dtype":"F31"}}',
      'tensor "a": the dtype "F31" is unknown, expected one of BOOL, U8',
    ],
    [
      'when a dtype is a name of Object.prototype',
      '{"a":{"dtype":"constructor"}}',
      'the dtype "constructor" is unknown',
    ],
    [
      'when a dtype is below a byte',
      '{"a":{"dtype":"F4"}}',
      'tensor "a": the dtype "F4" is not supported, expected one of',
    ],
    ['when a dtype is a number', '{"a":{"dtype":1}}', 'found "1", expected a dtype in quotes'],
    [
      'when a dimension is negative',
      '{"a":{"shape":[-1]}}',
      'found -1, expected a dimension, a whole number from 0 to 2^53 - 1',
    ],
    ['when a dimension is a fraction', '{"a":{"shape":[1.0]}}', 'found 1.0, expected a dimension'],
    ['when a dimension has an exponent', '{"a":{"shape":[1e2]}}', 'found 1e2, expected a dimension'],
    ['when a dimension has a leading zero', '{"a":{"shape":[01]}}', 'found 01, expected a dimension'],
    ['when a dimension is 2^53', '{"a":{"shape":[9007199254740992]}}', 'found 9007199254740992, expected a dimension'],
    [
      'when a dimension has a thousand digits',
      `{"a":{"shape":[${'9'.repeat(1000)}]}}`,
      `found ${'9'.repeat(24)}, expected a dimension`,
    ],
    ['when a dimension is a string', '{"a":{"shape":["1"]}}', "found '\"', expected a dimension"],
    ['when a dimension is null', '{"a":{"shape":[null]}}', 'found null, expected a dimension'],
    [
      'when there are too many dimensions',
      `{"a":{"shape":[${'1,'.repeat(99)}1]}}`,
      'expected at most 64 numbers in the list',
    ],
    [
      'when an offset is past 2^53',
      `{"a":${f32('[1]', 0, '9007199254740993')}}`,
      'found 9007199254740993, expected an offset',
    ],
    ['when an offset is negative', `{"a":${f32('[1]', '-4', 0)}}`, 'found -4, expected an offset'],
    [
      'when there is one offset',
      '{"a":{"dtype":"F32","shape":[0],"data_offsets":[0]}}',
      'tensor "a": data_offsets are [0], expected [begin, end] with begin ≤ end',
    ],
    [
      'when there are three offsets',
      '{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0,0]}}',
      'expected at most 2 numbers in the list',
    ],
    [
      'when the offsets are reversed',
      `{"a":${f32('[1]', 4, 0)}}`,
      'tensor "a": data_offsets are [4, 0], expected [begin, end] with begin ≤ end',
    ],
    [
      'when the product of the shape passes 2^53',
      `{"a":${f32('[4294967296,4294967296]', 0, 0)}}`,
      'tensor "a": data_offsets [0, 0] span 0 bytes, expected a shape of less than 2^53 bytes',
    ],
  ];
  test.each(text)('%s', (_, header, message) => expect(failure(fileOf(header)).message).toContain(message));

  test('when it is not UTF-8', () => {
    expect(failure(fileOf(Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x7d))).message).toBe(
      'model.safetensors: the header is not UTF-8 text. The file is not safetensors, or damaged; fetch it again.',
    );
  });

  const layout: [string, string, number, string][] = [
    [
      'when the span is not shape × dtype',
      `{"a":${f32('[2,3]', 0, 20)}}`,
      20,
      'tensor "a": data_offsets [0, 20] span 20 bytes, expected 24 for F32 [2, 3]',
    ],
    ['when a scalar has no bytes', `{"a":${f32('[]', 0, 0)}}`, 0, 'span 0 bytes, expected 4 for F32 []'],
    [
      'when tensors overlap',
      `{"a":${f32('[2]', 0, 8)},"b":${f32('[1]', 4, 8)}}`,
      8,
      'tensor "b" begins 4 bytes before the end of tensor "a", expected no overlap',
    ],
    [
      'when two tensors are the same bytes',
      `{"a":${f32('[1]', 0, 4)},"b":${f32('[1]', 0, 4)}}`,
      4,
      'expected no overlap',
    ],
    [
      'when an empty tensor lies in another',
      `{"a":${f32('[2]', 0, 8)},"b":${f32('[0]', 4, 4)}}`,
      8,
      'tensor "b" begins 4 bytes before the end of tensor "a"',
    ],
    [
      'when there is a hole',
      `{"a":${f32('[1]', 0, 4)},"b":${f32('[1]', 8, 12)}}`,
      12,
      '4 bytes before tensor "b" belong to no tensor, expected no hole',
    ],
    [
      'when there is a hole at the start',
      `{"a":${f32('[1]', 4, 8)}}`,
      8,
      '4 bytes before tensor "a" belong to no tensor',
    ],
    [
      'when bytes follow the last tensor',
      `{"a":${f32('[1]', 0, 4)}}`,
      5,
      '1 bytes follow the last tensor, expected none',
    ],
    ['when bytes follow no tensor', '{}', 1, '1 bytes follow the last tensor, expected none'],
    ['when a tensor passes the end of the file', `{"a":${f32('[1]', 0, 4)}}`, 3, 'expected at most the'],
    [
      'when a tensor of 2^52 bytes passes the end of the file',
      `{"a":${f32('[1125899906842624]', 0, 2 ** 52)}}`,
      8,
      'expected at most the',
    ],
  ];
  test.each(layout)('%s', (_, header, data, message) =>
    expect(failure(fileOf(header, data)).message).toContain(message),
  );

  test('with where, rule, expected, actual and mend', () => {
    const error = failure(fileOf(`{"w":${f32('[2]', 0, 4)}}`, 4));
    expect(error).toBeInstanceOf(ModelFormatError);
    expect(error.message).toBe(
      'model.safetensors: tensor "w": data_offsets [0, 4] span 4 bytes, expected 8 for F32 [2]. The file is damaged or was written wrongly; fetch or export it again.',
    );
    expect(error.facts).toMatchObject({ file: 'model.safetensors', tensor: 'w' });
  });

  test('without repeating a hostile name at length', () => {
    expect(failure(fileOf(`{"${'\\u0007'.repeat(300)}":[]}`)).message.length).toBeLessThan(1200);
  });

  test('soon, also when it is tens of megabytes', () => {
    const most = 16_000_000;
    expect(failure(fileOf(`{"__metadata__":{"a":"${'a'.repeat(90_000_000)}"}}`)).message).toContain(
      'the header has 90000025 bytes without its padding, expected at most 16777216',
    );
    failure(fileOf(`{"${'é'.repeat(4_000_000)}`));
    failure(fileOf(`{${'\n'.repeat(most)}`));
    failure(fileOf(`{"${'a'.repeat(most)}`));
    failure(fileOf(`{}${' '.repeat(most)}x`));
    failure(fileOf(`{"a":{"shape":[${'1'.repeat(most)}`));
    failure(fileOf(`{"a":${'['.repeat(most)}`));
  });
});

describe('a header is read', () => {
  test('when it is empty', () => {
    const { tensors, metadata, dataOffset } = parse('{}');
    expect([tensors.size, metadata.size, dataOffset]).toEqual([0, 0, 10]);
  });

  test('when it is padded with spaces', () => expect(parse(`{}${' '.repeat(10_000)}`).dataOffset).toBe(10_010));

  test('with scalars, empty tensors and tensors in any order, sorted by their bytes', () => {
    const header = parse(`{"b":${f32('[2]', 4, 12)}, "empty":${f32('[3,0]', 4, 4)},\t"a":${f32('[]', 0, 4)} }  `, 12);
    expect([...header.tensors.keys()]).toEqual(['a', 'empty', 'b']);
    expect(header.tensors.get('b')).toEqual({
      name: 'b',
      dtype: 'F32',
      shape: [2],
      file: 'model.safetensors',
      byteOffset: header.dataOffset + 4,
      byteLength: 8,
    });
    expect(header.tensors.get('a')?.shape).toEqual([]);
    expect(header.tensors.get('empty')?.byteLength).toBe(0);
  });

  test('with names that are members of Object.prototype, and nothing is polluted', () => {
    const header = parse(
      `{"__metadata__":{"__proto__":"x","constructor":"y"},"__proto__":${f32('[1]', 0, 4)},"constructor":${f32('[0]', 4, 4)}}`,
      4,
    );
    expect([...header.tensors.keys()]).toEqual(['__proto__', 'constructor']);
    expect([...header.metadata]).toEqual([
      ['__proto__', 'x'],
      ['constructor', 'y'],
    ]);
    expect(({} as Record<string, unknown>)['dtype']).toBeUndefined();
  });

  test('with escapes and text beyond the basic plane', () => {
    expect([...parse('{"__metadata__":{"\\ud83d\\ude00é":"\\"\\n"}}').metadata]).toEqual([['😀é', '"\n']]);
  });

  test('with every dtype', () => {
    const widths = {
      BOOL: 1,
      U8: 1,
      I8: 1,
      F8_E5M2: 1,
      F8_E4M3: 1,
      F8_E8M0: 1,
      I16: 2,
      U16: 2,
      F16: 2,
      BF16: 2,
      I32: 4,
      U32: 4,
      F32: 4,
      F64: 8,
      I64: 8,
      U64: 8,
    };
    for (const [dtype, width] of Object.entries(widths)) {
      const { tensors } = parse(`{"a":{"dtype":"${dtype}","shape":[3],"data_offsets":[0,${3 * width}]}}`, 3 * width);
      expect(tensors.get('a')).toMatchObject({ dtype, byteLength: 3 * width });
    }
  });

  test('from its own bytes alone, with the size of the file given', () => {
    const whole = fileOf(`{"a":${f32('[2]', 0, 8)}}`, 8);
    expect(parseSafetensorsHeader(whole.subarray(0, whole.length - 8), { fileSize: whole.length }).tensors.size).toBe(
      1,
    );
  });
});
