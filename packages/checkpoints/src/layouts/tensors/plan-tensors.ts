import type { PublishedShapes, TensorRule } from '@tessera/plugin';
import { ModelFormatError } from '@tessera/tensor-core';
import { quote } from '../../source/quote.ts';
import { oursNames, publishedNames } from '../rule-names.ts';
import { belong, oursShapes, publishedShapes, sameShape, wrongShape } from './rule-shapes.ts';

/** What {@link planTensors} needs beside the rules and the file. */
export interface PlanOptions {
  /** Published tensors that are no part of the model, as a layout lists them. @defaultValue none */
  readonly ignored?: readonly RegExp[] | undefined;
  /** Shapes that the model needs, by our names. Absent: whatever follows from the file. */
  readonly expected?: ReadonlyMap<string, readonly number[]> | undefined;
}

/** A checked way from a file to a model. */
export interface TensorPlan {
  readonly rules: readonly TensorRule[];
  /** Shapes of our tensors. */
  readonly ours: ReadonlyMap<string, readonly number[]>;
  /** Tensors of the file that are no part of the model; a save that is to be identical carries them along. */
  readonly ignored: readonly string[];
}

/**
 * Checks that rules, file and model fit before anything is read: no tensor is missing, none is left over, all shapes agree.
 * @throws {@link ModelFormatError} naming the first tensor that does not fit, with expected and actual shape
 */
export function planTensors(
  rules: readonly TensorRule[],
  present: PublishedShapes,
  options: PlanOptions = {},
): TensorPlan {
  const { expected, ignored = [] } = options;
  const published = (name: string): readonly number[] => present.get(name) as readonly number[];
  const used = new Set(rules.flatMap(publishedNames));
  const left = [...present.keys()].filter((name) => !used.has(name));
  const isIgnored = (name: string): boolean => ignored.some((pattern) => pattern.test(name));
  const missing = [...used].filter((name) => !present.has(name));
  const extra = left.filter((name) => !isIgnored(name));
  if (missing.length > 0) throw missingTensor(missing, extra, rules, expected);
  if (extra.length > 0) throw extraTensor(extra, present);
  const ours = new Map<string, readonly number[]>();
  for (const rule of rules) {
    const names = oursNames(rule);
    const wanted = names.map((name) => expected?.get(name)).filter((shape) => shape !== undefined);
    if (expected && wanted.length === names.length) checkShapes(rule, published, expected);
    for (const [index, shape] of oursShapes(rule, published).entries()) ours.set(names[index] as string, shape);
  }
  if (expected) checkNames(ours, expected);
  return { rules, ours, ignored: left.filter(isIgnored) };
}

function checkShapes(
  rule: TensorRule,
  published: (name: string) => readonly number[],
  expected: ReadonlyMap<string, readonly number[]>,
): void {
  const wanted = publishedShapes(rule, (name) => expected.get(name) as readonly number[]);
  for (const [index, name] of publishedNames(rule).entries()) {
    const shape = wanted[index] as readonly number[];
    if (!sameShape(published(name), shape)) throw wrongShape(name, published(name), shape);
  }
}

/** The layout and the parts of the model have to mean the same tensors. */
function checkNames(
  ours: ReadonlyMap<string, readonly number[]>,
  expected: ReadonlyMap<string, readonly number[]>,
): void {
  const lacking = [...expected.keys()].find((name) => !ours.has(name));
  if (lacking !== undefined)
    throw new ModelFormatError(
      `${lacking}: the model needs this tensor of shape [${expected.get(lacking)?.join(', ')}], and neither the checkpoint nor its layout has it. Check that the layout belongs to the registered plugins.`,
      { facts: { parameter: lacking, expected: expected.get(lacking) } },
    );
  for (const [name, shape] of ours) {
    const wanted = expected.get(name);
    if (wanted === undefined)
      throw new ModelFormatError(
        `${name}: the checkpoint has this tensor of shape [${shape.join(', ')}], and the model has no such parameter. Check that the layout belongs to the registered plugins.`,
        { facts: { parameter: name, actual: shape } },
      );
    if (!sameShape(shape, wanted)) throw wrongShape(name, shape, wanted);
  }
}

function missingTensor(
  missing: readonly string[],
  extra: readonly string[],
  rules: readonly TensorRule[],
  expected: PlanOptions['expected'],
): ModelFormatError {
  const name = missing[0] as string;
  const rule = rules.find((candidate) => publishedNames(candidate).includes(name)) as TensorRule;
  const known = expected && oursNames(rule).every((ours) => expected.has(ours)) ? expected : undefined;
  const shape =
    known && publishedShapes(rule, (ours) => known.get(ours) as readonly number[])[publishedNames(rule).indexOf(name)];
  const others = missing.length > 1 ? `, nor ${missing.length - 1} others` : '';
  const unused =
    extra.length > 0
      ? ` It has ${extra.length} that config.json does not mention, such as ${quote(extra[0] as string)}.`
      : '';
  return new ModelFormatError(
    `tensor ${quote(name)}${shape ? ` of shape [${shape.join(', ')}]` : ''} is not in the checkpoint${others}, expected by its config.json.${unused} Check that all files of the model are there, and that config.json belongs to them.`,
    { facts: { tensor: name, expected: shape, missing: missing.slice(0, 50), extra: extra.slice(0, 50) } },
  );
}

function extraTensor(extra: readonly string[], present: PublishedShapes): ModelFormatError {
  const name = extra[0] as string;
  const others = extra.length > 1 ? `, and ${extra.length - 1} others` : '';
  return new ModelFormatError(
    `tensor ${quote(name)} of shape [${present.get(name)?.join(', ')}] is in the checkpoint${others}, and its config.json does not ask for it; expected only tensors of the model. ${belong}`,
    { facts: { tensor: name, actual: present.get(name), extra: extra.slice(0, 50) } },
  );
}
