import type { TensorRule } from '@tessera/plugin';
import { ModelFormatError } from '@tessera/tensor-core';
import { quote } from '../../source/quote.ts';
import { oursNames, publishedNames } from '../rule-names.ts';

type Shape = readonly number[];

/** Shapes of our tensors of a rule, in the order of {@link oursNames}, from the published ones. */
export function oursShapes(rule: TensorRule, published: (name: string) => Shape): readonly Shape[] {
  const shapes = publishedNames(rule).map((name) => inner(rule, name, published(name)));
  if (rule.kind === 'copy') return [];
  if (rule.kind === 'rename') return shapes;
  if (rule.kind === 'taps') {
    const [shape] = shapes as [Shape];
    const fitting = [shape[0] ?? 0, 1, rule.length, 1];
    if (!sameShape(shape, fitting)) throw wrongShape(rule.published, shape, fitting);
    return [[shape[0] as number, rule.taps]];
  }
  const { blocks = 1 } = rule;
  const rows = blocks * sum(rule.sizes);
  const wanted = rule.kind === 'split' ? [rows] : rule.rows;
  const rest = shapes[0]?.slice(1) ?? [];
  for (const [index, name] of publishedNames(rule).entries()) {
    const fitting = [wanted[index] as number, ...rest];
    if (!sameShape(shapes[index] as Shape, fitting)) throw wrongShape(name, published(name), outer(rule, fitting));
  }
  // A regroup keeps the rows in all, which its rows and its sizes may not agree on.
  if (rule.kind === 'regroup' && sum(rule.rows) !== rows)
    throw new ModelFormatError(
      `tensors ${rule.published.map(quote).join(', ')} have ${sum(rule.rows)} rows in all, expected ${rows}. ${belong}`,
      { facts: { tensors: rule.published, rows: rule.rows, expected: rows } },
    );
  return rule.sizes.map((size) => stackedShape(rule, [blocks * size, ...rest]));
}

/** Shapes of the published tensors of a rule, in the order of {@link publishedNames}, from ours. */
export function publishedShapes(rule: TensorRule, ours: (name: string) => Shape): readonly Shape[] {
  const first = rule.kind === 'copy' ? ours(rule.ours) : ours(oursNames(rule)[0] as string);
  switch (rule.kind) {
    case 'copy':
      return [first];
    case 'rename':
      return [outer(rule, first)];
    case 'taps':
      return [[first[0] as number, 1, rule.length, 1]];
    case 'split':
      return [outer(rule, [(rule.blocks ?? 1) * sum(rule.sizes), ...first.slice(1)])];
    case 'regroup':
      return rule.rows.map((rows) => outer(rule, [rows, ...flatShape(rule, first).slice(1)]));
  }
}

/** Shape of one of our tensors with all rows in one axis. */
export function flatShape(rule: TensorRule, shape: Shape): Shape {
  return rule.kind === 'regroup' && rule.stacked ? flat(shape) : shape;
}

/** Shape of one of our tensors from that with all rows in one axis. */
function stackedShape(rule: TensorRule, shape: Shape): Shape {
  return rule.kind === 'regroup' && rule.stacked ? inBlocks(shape, rule.blocks ?? 1) : shape;
}

function flat([blocks, rows, ...rest]: Shape): Shape {
  return [(blocks as number) * (rows as number), ...rest];
}

function inBlocks([rows, ...rest]: Shape, blocks: number): Shape {
  return [blocks, (rows as number) / blocks, ...rest];
}

/** The error of a published tensor whose shape does not fit. */
export function wrongShape(name: string, actual: Shape, expected: Shape): ModelFormatError {
  return new ModelFormatError(
    `tensor ${quote(name)} has shape [${actual.join(', ')}], expected [${expected.join(', ')}]. ${belong}`,
    { facts: { tensor: name, actual, expected } },
  );
}

/** True for equal shapes. */
export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis]);
}

/** The mend of tensors that do not fit a config. */
export const belong = 'Check that config.json belongs to these tensors.';

/** Axes of length 1 of the published tensors that ours lack, ascending. */
export function squeezedAxes(rule: TensorRule): readonly number[] {
  if (!('squeezed' in rule) || rule.squeezed === undefined) return [];
  return typeof rule.squeezed === 'number' ? [rule.squeezed] : rule.squeezed;
}

/** The shape after swapping or dropping axes, as ours are. */
function inner(rule: TensorRule, name: string, shape: Shape): Shape {
  if ('transposed' in rule && rule.transposed) {
    if (shape.length !== 2) throw wrongAxes(name, shape, 'two axes');
    return shape.toReversed();
  }
  if ('squeezed' in rule && rule.squeezed !== undefined) {
    const axes = squeezedAxes(rule);
    for (const axis of axes) if (shape[axis] !== 1) throw wrongAxes(name, shape, `length 1 of axis ${axis}`);
    return shape.filter((_, axis) => !axes.includes(axis));
  }
  if (rule.kind === 'regroup' && rule.stacked === 'both') {
    if (shape.length < 2 || shape[0] !== rule.blocks)
      throw wrongAxes(name, shape, `an axis of ${rule.blocks ?? 1} blocks first`);
    return flat(shape);
  }
  if ((rule.kind === 'split' || rule.kind === 'regroup') && shape.length === 0)
    throw wrongAxes(name, shape, 'an axis of rows');
  return shape;
}

/** The published form of a shape in our order of axes. */
function outer(rule: TensorRule, shape: Shape): Shape {
  if ('transposed' in rule && rule.transposed) return shape.toReversed();
  if ('squeezed' in rule && rule.squeezed !== undefined)
    return squeezedAxes(rule).reduce((made, axis) => made.toSpliced(axis, 0, 1), shape);
  if (rule.kind === 'regroup' && rule.stacked === 'both') return inBlocks(shape, rule.blocks ?? 1);
  return shape;
}

function wrongAxes(name: string, actual: Shape, expected: string): ModelFormatError {
  return new ModelFormatError(
    `tensor ${quote(name)} has shape [${actual.join(', ')}], expected ${expected}. ${belong}`,
    {
      facts: { tensor: name, actual, expected },
    },
  );
}

/** The sum. */
export function sum(sizes: readonly number[]): number {
  return sizes.reduce((total, size) => total + size, 0);
}
