import { ModelFormatError } from '@tessera/tensor-core';
import type { JsonScanner } from '../source/json-scanner.ts';
import { quote } from '../source/quote.ts';
import {
  isSafetensorsDtype,
  isUnsupportedDtype,
  safetensorsDtypes,
  tensorBytes,
  type SafetensorsDtype,
} from './dtypes.ts';
import type { TensorEntry } from './tensor-entry.ts';

/** Most dimensions of a tensor; numpy and PyTorch have the same limit. */
const maxRank = 64;

/** What is known of a tensor before its entry is read. */
export interface EntrySite {
  readonly name: string;
  readonly file: string;
  /** Where the tensors' bytes begin in the file. */
  readonly dataOffset: number;
}

/** Parses `{"dtype": …, "shape": […], "data_offsets": [begin, end]}`, and checks that the three fit each other. */
export function parseTensorEntry(scanner: JsonScanner, { name, file, dataOffset }: EntrySite): TensorEntry {
  const fail = (actual: string, expected: string, mend: string): never => {
    throw new ModelFormatError(`${file}: tensor ${quote(name)}: ${actual}, expected ${expected}. ${mend}`, {
      facts: { file, tensor: name.slice(0, 1024), actual, expected },
    });
  };
  let dtype: SafetensorsDtype | undefined;
  let shape: number[] | undefined;
  let offsets: number[] | undefined;
  if (!scanner.take('{')) scanner.fail(`an object with dtype, shape and data_offsets for tensor ${quote(name)}`);
  if (!scanner.take('}')) {
    do {
      const key = scanner.string('a key in quotes', 64);
      scanner.expect(':');
      if (
        (key === 'dtype' ? dtype : key === 'shape' ? shape : key === 'data_offsets' ? offsets : undefined) !== undefined
      ) {
        fail(`the key ${quote(key)} is repeated`, 'each key once', 'Export the file again.');
      }
      if (key === 'dtype') dtype = checkDtype(scanner.string('a dtype in quotes', 64), fail);
      else if (key === 'shape') shape = parseNumbers(scanner, 'a dimension', maxRank);
      else if (key === 'data_offsets') offsets = parseNumbers(scanner, 'an offset', 2);
      else fail(`the key ${quote(key)} is unknown`, 'dtype, shape and data_offsets', 'Export the file again.');
    } while (scanner.take(','));
    scanner.expect('}', '"," or "}"');
  }
  if (dtype === undefined || shape === undefined || offsets === undefined) {
    const missing = dtype === undefined ? 'dtype' : shape === undefined ? 'shape' : 'data_offsets';
    return fail(`${missing} is missing`, 'dtype, shape and data_offsets', 'Export the file again.');
  }
  const [begin, end] = offsets;
  if (begin === undefined || end === undefined || end < begin) {
    return fail(
      `data_offsets are [${offsets.join(', ')}]`,
      '[begin, end] with begin ≤ end',
      'The file is damaged; fetch it again.',
    );
  }
  const byteLength = tensorBytes(dtype, shape);
  if (byteLength !== end - begin) {
    const expected =
      byteLength === undefined ? 'a shape of less than 2^53 bytes' : `${byteLength} for ${dtype} [${shape.join(', ')}]`;
    return fail(
      `data_offsets [${begin}, ${end}] span ${end - begin} bytes`,
      expected,
      'The file is damaged or was written wrongly; fetch or export it again.',
    );
  }
  return { name, dtype, shape, file, byteOffset: dataOffset + begin, byteLength };
}

function checkDtype(dtype: string, fail: (actual: string, expected: string, mend: string) => never): SafetensorsDtype {
  if (isSafetensorsDtype(dtype)) return dtype;
  const known = safetensorsDtypes().join(', ');
  if (isUnsupportedDtype(dtype))
    return fail(`the dtype ${quote(dtype)} is not supported`, `one of ${known}`, 'Export the tensor in one of these.');
  return fail(`the dtype ${quote(dtype)} is unknown`, `one of ${known}`, 'Export the tensor in one of these.');
}

function parseNumbers(scanner: JsonScanner, what: string, most: number): number[] {
  const numbers: number[] = [];
  scanner.expect('[', 'a list of whole numbers');
  if (scanner.take(']')) return numbers;
  do {
    if (numbers.length === most) scanner.fail(`at most ${most} numbers in the list`);
    numbers.push(scanner.wholeNumber(what));
  } while (scanner.take(','));
  scanner.expect(']', '"," or "]"');
  return numbers;
}
