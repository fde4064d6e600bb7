import type { RegroupRule, SplitRule, TensorRule } from '@tessera/plugin';
import { ModelFormatError } from '@tessera/tensor-core';
import { dtypeBytes } from '../../safetensors/dtypes.ts';
import { quote } from '../../source/quote.ts';
import { oursNames, publishedNames } from '../rule-names.ts';
import { rowRuns } from './move-rows.ts';
import type { RawTensor, ReadRawTensor } from './raw-tensor.ts';
import { flatShape, oursShapes } from './rule-shapes.ts';
import { transposedBytes } from './transposed-bytes.ts';

/**
 * Our tensors of a rule, by name. Each published tensor is read once. A copy gives none: see {@link settleTies}.
 * @param read - reads a published tensor
 * @throws {@link ModelFormatError} when the tensors do not fit the rule
 */
export async function readOurs(rule: TensorRule, read: ReadRawTensor): Promise<Map<string, RawTensor>> {
  if (rule.kind === 'copy') return new Map();
  const names = publishedNames(rule);
  const published = await Promise.all(names.map(read));
  const shapes = oursShapes(rule, (name) => (published[names.indexOf(name)] as RawTensor).shape);
  const straight = published.map((tensor) => ('transposed' in rule && rule.transposed ? transposed(tensor) : tensor));
  const dtype = commonDtype(names, published);
  const bytes =
    rule.kind === 'taps'
      ? [firstOfRows(published[0] as RawTensor, rule.length, rule.taps)]
      : rule.kind === 'rename'
        ? straight.map((tensor) => tensor.bytes)
        : regrouped(rule, straight, shapes, dtype);
  return new Map(
    oursNames(rule).map((name, index) => [
      name,
      { dtype, shape: shapes[index] as readonly number[], bytes: bytes[index] as Uint8Array<ArrayBuffer> },
    ]),
  );
}

/** Of each row of `length` elements the first `count`. */
function firstOfRows({ dtype, bytes }: RawTensor, length: number, count: number): Uint8Array<ArrayBuffer> {
  const [from, to] = [length * dtypeBytes(dtype), count * dtypeBytes(dtype)];
  const rows = bytes.length / from;
  const made = new Uint8Array(rows * to);
  for (let row = 0; row < rows; row++) made.set(bytes.subarray(row * from, row * from + to), row * to);
  return made;
}

/** Bytes of each of ours, put together from runs of rows. */
function regrouped(
  rule: SplitRule | RegroupRule,
  published: readonly RawTensor[],
  shapes: readonly (readonly number[])[],
  dtype: RawTensor['dtype'],
): Uint8Array<ArrayBuffer>[] {
  const straight = shapes.map((shape) => flatShape(rule, shape));
  const rowBytes = (straight[0] as readonly number[]).slice(1).reduce((size, n) => size * n, dtypeBytes(dtype));
  const bytes = straight.map((shape) => new Uint8Array((shape[0] as number) * rowBytes));
  for (const run of rowRuns(rule)) {
    const start = run.publishedRow * rowBytes;
    const from = (published[run.published] as RawTensor).bytes.subarray(start, start + run.rows * rowBytes);
    bytes[run.ours]?.set(from, run.oursRow * rowBytes);
  }
  return bytes;
}

/** A matrix with its axes swapped. */
export function transposed({ dtype, shape, bytes }: RawTensor): RawTensor {
  const [rows, columns] = shape as readonly [number, number];
  return { dtype, shape: [columns, rows], bytes: transposedBytes(bytes, rows, columns, dtypeBytes(dtype)) };
}

/** The element type of tensors that are put together. */
export function commonDtype(names: readonly string[], tensors: readonly RawTensor[]): RawTensor['dtype'] {
  const { dtype } = tensors[0] as RawTensor;
  const other = tensors.findIndex((tensor) => tensor.dtype !== dtype);
  if (other !== -1)
    throw new ModelFormatError(
      `tensor ${quote(names[other] as string)} is ${tensors[other]?.dtype}, expected ${dtype} like ${quote(names[0] as string)}, with which it is one matrix. Store both alike.`,
      { facts: { tensors: names, dtypes: tensors.map((tensor) => tensor.dtype) } },
    );
  return dtype;
}
