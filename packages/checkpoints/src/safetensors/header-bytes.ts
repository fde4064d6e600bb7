import { ModelFormatError } from '@tessera/tensor-core';
import { quote } from '../source/quote.ts';
import { dtypeRank, isSafetensorsDtype, tensorBytes } from './dtypes.ts';
import { maxHeaderBytes, prefixBytes } from './header-length.ts';
import type { TensorDescription } from './tensor-entry.ts';

/** Pairs of `__metadata__`; `format` is `pt` unless given, since transformers refuses a file without it. */
export type SafetensorsMetadata = Readonly<Record<string, string>> | ReadonlyMap<string, string>;

/**
 * The order in which tensors are laid out: wide types first, so that every tensor is aligned to its type, then by name in
 * the order of code points, as the reference implementation sorts.
 */
export function layoutOrder<T extends TensorDescription>(tensors: Iterable<T>): T[] {
  return [...tensors].sort((a, b) => dtypeRank(b.dtype) - dtypeRank(a.dtype) || compareCodePoints(a.name, b.name));
}

/**
 * The first bytes of a safetensors file, up to the tensors' own: length, header, padding to 8 bytes.
 *
 * @param tensors - in the order of {@link layoutOrder}
 * @throws {@link ModelFormatError} when a tensor cannot be described, or two have one name.
 */
export function headerBytes(
  tensors: readonly TensorDescription[],
  metadata: SafetensorsMetadata = {},
): Uint8Array<ArrayBuffer> {
  const pairs = new Map([
    ['format', 'pt'],
    ...(metadata instanceof Map ? metadata : Object.entries(metadata as Record<string, string>)),
  ]);
  const parts = [`"__metadata__":{${[...pairs].map(([key, value]) => `${spell(key)}:${spell(value)}`).join(',')}}`];
  const names = new Set<string>();
  let begin = 0;
  for (const { name, dtype, shape } of tensors) {
    if (name === '__metadata__' || names.has(name))
      fail(
        name,
        name === '__metadata__' ? 'the name is reserved' : 'the name is repeated',
        'each tensor under its own name',
      );
    names.add(name);
    const end = begin + checkedBytes({ name, dtype, shape });
    parts.push(`${spell(name)}:{"dtype":"${dtype}","shape":[${shape.join(',')}],"data_offsets":[${begin},${end}]}`);
    begin = end;
  }
  const json = new TextEncoder().encode(`{${parts.join(',')}}`);
  const length = Math.ceil(json.length / 8) * 8;
  if (length > maxHeaderBytes) fail('', `the header has ${length} bytes`, `at most ${maxHeaderBytes}`);
  const bytes = new Uint8Array(prefixBytes + length).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true);
  bytes.set(json, prefixBytes);
  return bytes;
}

/** Bytes of a tensor that is to be written, after its dtype and shape were checked. */
export function checkedBytes({ name, dtype, shape }: TensorDescription): number {
  if (!isSafetensorsDtype(dtype)) fail(name, `the dtype is ${quote(String(dtype))}`, 'a dtype of safetensors');
  const whole = shape.every((dim) => Number.isSafeInteger(dim) && dim >= 0);
  const bytes = whole ? tensorBytes(dtype, shape) : undefined;
  return (
    bytes ??
    fail(name, `the shape is [${shape.join(', ')}]`, 'whole numbers from 0 whose product is less than 2^53 bytes')
  );
}

function spell(text: string): string {
  if (/\p{Surrogate}/u.test(text)) fail(text, 'the text has half a surrogate pair', 'text that UTF-8 can hold');
  return JSON.stringify(text);
}

/** UTF-16 units sort characters past U+FFFF before some below; UTF-8 bytes, which the reference sorts, do not. */
function compareCodePoints(a: string, b: string): number {
  let index = 0;
  while (index < a.length && a.charCodeAt(index) === b.charCodeAt(index)) index++;
  const isLow = (unit: number): boolean => unit >= 0xdc00 && unit <= 0xdfff;
  if (isLow(a.charCodeAt(index)) && isLow(b.charCodeAt(index))) return a.charCodeAt(index) - b.charCodeAt(index);
  return (a.codePointAt(index) ?? -1) - (b.codePointAt(index) ?? -1);
}

function fail(name: string, actual: string, expected: string): never {
  throw new ModelFormatError(`tensor ${quote(name)}: ${actual}, expected ${expected}. Correct what is to be saved.`, {
    facts: { tensor: name.slice(0, 1024), actual, expected },
  });
}
