import { ModelFormatError } from '@tessera/tensor-core';
import { JsonScanner } from '../source/json-scanner.ts';
import { quote } from '../source/quote.ts';
import { checkLayout } from './check-layout.ts';
import { prefixBytes, readHeaderLength } from './header-length.ts';
import { parseTensorEntry } from './parse-tensor-entry.ts';
import type { TensorEntry } from './tensor-entry.ts';

/** What the header of one safetensors file says. */
export interface SafetensorsHeader {
  /** Tensors by name, in the order of their bytes. */
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  /** The `__metadata__` map, empty when absent. */
  readonly metadata: ReadonlyMap<string, string>;
  /** Where the tensors' bytes begin, counted from the start of the file. */
  readonly dataOffset: number;
}

// Limits that no published file comes near, and that keep the time for a hostile header of any length short.
const maxTensors = 65_536;
const maxNameLength = 2048;
const maxSpace = 4096;
const maxUnpaddedBytes = 16 * 2 ** 20;

/** Options of {@link parseSafetensorsHeader}. */
export interface ParseHeaderOptions {
  /** Names the file in messages and entries. @defaultValue `'model.safetensors'` */
  readonly file?: string;
  /** Length of the whole file in bytes. @defaultValue the length of `bytes` */
  readonly fileSize?: number;
}

/**
 * Parses and checks the header of a safetensors file: 8 bytes of length, then JSON. Stricter than most readers: a header
 * that passes describes every byte of the file once, in one way only.
 *
 * @param bytes - the file from its start, up to the end of the header at least
 * @throws {@link ModelFormatError} when anything is not as the format says; nothing larger than the header is allocated.
 * @see https://github.com/huggingface/safetensors#format
 */
export function parseSafetensorsHeader(
  bytes: Uint8Array,
  { file = 'model.safetensors', fileSize = bytes.length }: ParseHeaderOptions = {},
): SafetensorsHeader {
  const length = readHeaderLength(bytes, file, fileSize);
  const dataOffset = prefixBytes + length;
  const header = withoutPadding(bytes.subarray(prefixBytes, dataOffset));
  if (header.length > maxUnpaddedBytes) {
    throw new ModelFormatError(
      `${file}: the header has ${header.length} bytes without its padding, expected at most ${maxUnpaddedBytes}. Divide the tensors among several files.`,
      {
        facts: { file, headerLength: header.length, limit: maxUnpaddedBytes },
      },
    );
  }
  const scanner = new JsonScanner(decode(header, file), `${file} (header)`, maxSpace);
  if (!scanner.text.startsWith('{')) scanner.fail('"{" as the first character');
  const metadata = new Map<string, string>();
  const tensors = new Map<string, TensorEntry>(); // a Map, so that `__proto__` is a name like any other
  let hasMetadata = false;
  scanner.expect('{');
  if (!scanner.take('}')) {
    do {
      const name = scanner.string('a tensor name in quotes', maxNameLength);
      if (name === '__metadata__' ? hasMetadata : tensors.has(name)) {
        throw new ModelFormatError(
          `${file}: the name ${quote(name)} is repeated in the header, expected each name once. Export the file again.`,
          {
            facts: { file, name: name.slice(0, 1024) },
          },
        );
      }
      scanner.expect(':');
      if (name === '__metadata__') {
        hasMetadata = true;
        parseMetadata(scanner, metadata);
      } else {
        if (tensors.size === maxTensors) scanner.fail(`at most ${maxTensors} tensors`, 'more');
        tensors.set(name, parseTensorEntry(scanner, { name, file, dataOffset }));
      }
    } while (scanner.take(','));
    scanner.expect('}', '"," or "}"');
  }
  if (scanner.at < scanner.text.length) {
    scanner.at += Math.max(0, scanner.text.slice(scanner.at, scanner.at + maxSpace).search(/[^ ]/)); // point at what is wrong
    scanner.fail('nothing but spaces after the header');
  }
  return { tensors: checkLayout(tensors, { file, dataOffset, fileSize }), metadata, dataOffset };
}

function parseMetadata(scanner: JsonScanner, metadata: Map<string, string>): void {
  scanner.expect('{', 'an object of strings as "__metadata__"');
  if (scanner.take('}')) return;
  do {
    const key = scanner.string('a key in quotes', maxNameLength);
    if (metadata.has(key)) scanner.fail('each key of "__metadata__" once', `${quote(key)} again`);
    if (metadata.size === maxTensors) scanner.fail(`at most ${maxTensors} keys of "__metadata__"`, 'more');
    scanner.expect(':');
    metadata.set(key, scanner.string('a string as value of "__metadata__"'));
  } while (scanner.take(','));
  scanner.expect('}', '"," or "}"');
}

/** The header without the spaces that pad it: a file may pad to a page, a hostile one to the cap, and skipping is faster than decoding. */
function withoutPadding(header: Uint8Array): Uint8Array {
  let end = header.length;
  while (end > 0 && header[end - 1] === 0x20) end--;
  return header.subarray(0, end);
}

function decode(header: Uint8Array, file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(header);
  } catch (cause) {
    throw new ModelFormatError(
      `${file}: the header is not UTF-8 text. The file is not safetensors, or damaged; fetch it again.`,
      { cause, facts: { file } },
    );
  }
}
