import { isTesseraError } from '@tessera/tensor-core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseJson } from './parse-json.ts';

const parse = (text: string, options = {}): unknown => parseJson(text, { file: 'config.json', ...options });

/** What is read, or why it is refused; any other error is thrown. */
function outcomeOf(
  read: () => unknown,
  isRefusal: (error: unknown) => error is Error,
): { readonly value?: unknown; readonly refusal?: string } {
  try {
    return { value: read() };
  } catch (error) {
    if (!isRefusal(error)) throw error;
    return { refusal: error.message };
  }
}

test('any JSON value is read as JSON.parse reads it', () => {
  const value = fc.jsonValue({ maxDepth: 5 }).filter((json) => !/__proto__|__float__/.test(JSON.stringify(json)));
  fc.assert(
    fc.property(value, fc.constantFrom(undefined, 1, '\t'), (json, space) => {
      const text = JSON.stringify(json, null, space);
      fc.pre(!/\\ud[89a-f]/i.test(text)); // half surrogates are refused, and JSON.stringify escapes them
      expect(parse(text)).toStrictEqual(JSON.parse(text));
    }),
    { numRuns: 2000, seed: 6 },
  );
});

test('any text is read as JSON.parse reads it, or refused by both', () => {
  const text = fc.oneof(
    fc.string({ unit: fc.constantFrom(...'{}[]",:0123456789-.eE\\u \ntrufalsn') }),
    fc.json().chain((json) => fc.nat(json.length).map((at) => json.slice(0, at) + json.slice(at + 1))),
  );
  fc.assert(
    fc.property(text, (json) => {
      const ours = outcomeOf(() => parse(json), isTesseraError);
      if (/__proto__|surrogate/.test(ours.refusal ?? '')) return; // refused by us alone
      const theirs = outcomeOf(
        () => JSON.parse(json) as unknown,
        (error) => error instanceof SyntaxError,
      );
      expect(ours.refusal === undefined).toBe(theirs.refusal === undefined);
      expect(ours.value).toStrictEqual(theirs.value);
    }),
    { numRuns: 10_000, seed: 7 },
  );
});

test('numbers that Python writes beyond JSON are read', () => {
  expect(
    parse(
      '{"a":[NaN,Infinity,-Infinity],"b":{"__float__":"Infinity"},"c":{"__float__":"-Infinity"},"d":{"__float__":"NaN"}}',
    ),
  ).toEqual({
    a: [NaN, Infinity, -Infinity],
    b: Infinity,
    c: -Infinity,
    d: NaN,
  });
  expect(parse('{"__float__":"true"}')).toEqual({ __float__: 'true' });
  expect(parse('{"__float__":"NaN","x":1}')).toEqual({ __float__: 'NaN', x: 1 });
});

describe('an error names file and place', () => {
  const cases: [string, string][] = [
    ['', 'config.json: line 1, column 1: found the end, expected a value'],
    ['{\n  "a": 1,\n}', `config.json: line 3, column 1: found "}", expected a key in quotes`],
    ['{"a" 1}', 'line 1, column 6: found "1", expected ":"'],
    ['[1 2]', 'line 1, column 4: found "2", expected "," or "]"'],
    ['{"a":1 "b":2}', `found '"', expected "," or "}"`],
    ['{"a":1} x', 'found "x", expected the end'],
    ['[tru]', 'found "tru", expected a value'],
    ['[1.]', 'found "]", expected a digit'],
    ['[-]', 'found "]", expected a value'],
    ["{'a':1}", `found "'", expected a key in quotes`],
    ['["\\x"]', 'expected a string with the escapes of JSON'],
    [`${'['.repeat(101)}`, 'lists and objects are nested deeper, expected at most 100 levels'],
    [
      '{"a":{"__proto__":{"polluted":1}}}',
      'config.json: line 1, column 7: the key "__proto__" is there, expected no such key',
    ],
    ['{"a":{"\\u005f_proto__":{"polluted":1}}}', 'the key "__proto__" is there'],
  ];
  test.each(cases)('%j', (text, message) => expect(() => parse(text)).toThrow(message));
});

test('__proto__ changes no prototype, kept or refused, and constructor is a key like any other', () => {
  const kept = parse('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}', {
    protoKeys: 'keep',
  }) as Record<string, unknown>;
  expect(Object.keys(kept)).toEqual(['__proto__', 'constructor']);
  expect(Object.getPrototypeOf(kept)).toBe(Object.prototype);
  expect(kept['polluted']).toBeUndefined();
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
});

test('the last of repeated keys counts unless they are refused', () => {
  expect(parse('{"a":1,"\\u0061":2}')).toEqual({ a: 2 });
  expect(() => parse('{"a":1,\n"\\u0061":2}', { repeatedKeys: 'refuse' })).toThrow(
    'config.json: line 2, column 1: the key "a" is repeated, expected each key once',
  );
});

test('nesting far past the limit and long hostile numbers end soon', () => {
  const start = performance.now();
  for (const text of ['['.repeat(1e6), '{"a":'.repeat(1e5), '9'.repeat(1e6), '"'.repeat(1e6), '\n'.repeat(1e6)]) {
    outcomeOf(() => parse(text), isTesseraError);
  }
  expect(performance.now() - start).toBeLessThan(5000); // against hangs; all together take some 30 ms
});
