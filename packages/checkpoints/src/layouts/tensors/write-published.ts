import type { TensorRule } from '@tessera/plugin';
import { dtypeBytes } from '../../safetensors/dtypes.ts';
import { oursNames, publishedNames } from '../rule-names.ts';
import { rowRuns } from './move-rows.ts';
import type { RawTensor, ReadRawTensor } from './raw-tensor.ts';
import { commonDtype, transposed } from './read-ours.ts';
import { flatShape, publishedShapes, sum } from './rule-shapes.ts';

/**
 * Published tensors of a rule, by name: the inverse of {@link readOurs}. Each of our tensors is read once.
 * @param read - reads one of our tensors
 */
export async function writePublished(rule: TensorRule, read: ReadRawTensor): Promise<Map<string, RawTensor>> {
  if (rule.kind === 'copy') return new Map([[rule.published, await read(rule.ours)]]);
  const names = oursNames(rule);
  const ours = await Promise.all(names.map(read));
  const dtype = commonDtype(names, ours);
  const shapes = publishedShapes(rule, (name) => (ours[names.indexOf(name)] as RawTensor).shape);
  if (rule.kind === 'rename') {
    const only = ours[0] as RawTensor;
    const { bytes } = rule.transposed ? transposed(only) : only;
    return new Map([[rule.published, { dtype, shape: shapes[0] as readonly number[], bytes }]]);
  }
  if (rule.kind === 'taps') {
    const { bytes } = ours[0] as RawTensor;
    const [from, to] = [rule.taps, rule.length].map((count) => count * dtypeBytes(dtype)) as [number, number];
    const rows = bytes.length / from;
    const made = new Uint8Array(rows * to); // taps that reach ahead are zeros
    for (let index = 0; index < rows; index++) made.set(bytes.subarray(index * from, (index + 1) * from), index * to);
    return new Map([[rule.published, { dtype, shape: shapes[0] as readonly number[], bytes: made }]]);
  }
  const row = flatShape(rule, (ours[0] as RawTensor).shape).slice(1);
  const rowBytes = row.reduce((size, n) => size * n, dtypeBytes(dtype));
  const turned = rule.kind === 'split' && rule.transposed === true;
  // Rows are counted in our order of axes.
  const straight = shapes.map((shape): RawTensor => {
    const inOrder = turned ? shape.toReversed() : shape;
    const rows = rule.kind === 'regroup' && rule.stacked === 'both' ? sum(rule.rows) : (inOrder[0] as number);
    return { dtype, shape: inOrder, bytes: new Uint8Array(rows * rowBytes) };
  });
  for (const run of rowRuns(rule)) {
    const start = run.oursRow * rowBytes;
    const from = (ours[run.ours] as RawTensor).bytes.subarray(start, start + run.rows * rowBytes);
    straight[run.published]?.bytes.set(from, run.publishedRow * rowBytes);
  }
  return new Map(
    publishedNames(rule).map((name, index) => {
      const tensor = straight[index] as RawTensor;
      return [name, turned ? transposed(tensor) : tensor];
    }),
  );
}
