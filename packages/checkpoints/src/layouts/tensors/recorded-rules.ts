import type { RegroupRule, SplitRule, TensorRule } from '@tessera/plugin';
import type { Tensor } from '@tessera/tensor-core';
import { concat, expandDims, pad, reshape, slice, squeeze, transpose } from '@tessera/tensor-core';
import { oursNames, publishedNames } from '../rule-names.ts';
import { rowRuns } from './move-rows.ts';
import { flatShape, oursShapes, publishedShapes, squeezedAxes } from './rule-shapes.ts';

/** Tensors by name. */
export type NamedTensors = Readonly<Record<string, Tensor>>;

/**
 * Published tensors of a rule, by name, recorded from ours: {@link writePublished} as tensor ops, so that what is defined on
 * published matrices can be computed on a device.
 */
export function recordPublished(rule: TensorRule, ours: NamedTensors): Record<string, Tensor> {
  const [first] = publishedNames(rule) as [string];
  if (rule.kind === 'copy') return { [first]: ours[rule.ours]! };
  if (rule.kind === 'rename') return { [first]: outer(rule, ours[rule.ours]!) };
  if (rule.kind === 'taps') {
    const taps = ours[rule.ours]!;
    return { [first]: reshape(pad(taps, 1, 0, rule.length - rule.taps), [taps.shape[0]!, 1, rule.length, 1]) };
  }
  const pieces = publishedNames(rule).map((): Tensor[] => []);
  const straight = rule.ours.map((name) => reshape(ours[name]!, flatShape(rule, ours[name]!.shape)));
  for (const run of inOrder(rule, 'published'))
    pieces[run.published]!.push(slice(straight[run.ours]!, 0, run.oursRow, run.oursRow + run.rows));
  const shapes = publishedShapes(rule, (name) => ours[name]!.shape);
  return Object.fromEntries(
    publishedNames(rule).map((name, index) => [name, reshape(outer(rule, concat(pieces[index]!, 0)), shapes[index]!)]),
  );
}

/** Our tensors of a rule, by name, recorded from the published ones: the inverse of {@link recordPublished}. */
export function recordOurs(rule: TensorRule, published: NamedTensors): Record<string, Tensor> {
  const names = oursNames(rule);
  if (rule.kind === 'copy') return {};
  const straight = publishedNames(rule).map((name) => inner(rule, published[name]!));
  if (rule.kind === 'rename') return { [rule.ours]: straight[0]! };
  if (rule.kind === 'taps') {
    const taps = straight[0]!;
    return { [rule.ours]: slice(reshape(taps, [taps.shape[0]!, rule.length]), 1, 0, rule.taps) };
  }
  const shapes = oursShapes(rule, (name) => published[name]!.shape);
  const pieces = names.map((): Tensor[] => []);
  for (const run of inOrder(rule, 'ours'))
    pieces[run.ours]!.push(slice(straight[run.published]!, 0, run.publishedRow, run.publishedRow + run.rows));
  return Object.fromEntries(names.map((name, index) => [name, reshape(concat(pieces[index]!, 0), shapes[index]!)]));
}

/** Shapes of the published tensors of a rule, by name, from ours. */
export function publishedShapesOf(
  rule: TensorRule,
  ours: (name: string) => readonly number[],
): Record<string, readonly number[]> {
  const shapes = publishedShapes(rule, ours);
  return Object.fromEntries(publishedNames(rule).map((name, index) => [name, shapes[index]!]));
}

function inOrder(rule: SplitRule | RegroupRule, side: 'published' | 'ours'): ReturnType<typeof rowRuns> {
  const row = side === 'published' ? 'publishedRow' : 'oursRow';
  return rowRuns(rule).toSorted((a, b) => a[side] - b[side] || a[row] - b[row]);
}

function outer(rule: TensorRule, tensor: Tensor): Tensor {
  if ('transposed' in rule && rule.transposed) return transpose(tensor);
  return squeezedAxes(rule).reduce((made, axis) => expandDims(made, axis), tensor);
}

function inner(rule: TensorRule, tensor: Tensor): Tensor {
  if ('transposed' in rule && rule.transposed) return transpose(tensor);
  if (rule.kind === 'regroup' && rule.stacked === 'both') return reshape(tensor, flatShape(rule, tensor.shape));
  return squeezedAxes(rule).reduceRight((made, axis) => squeeze(made, axis), tensor);
}
