import type { FileSource } from '@tessera/checkpoints';
import { readJsonIfPresent } from '@tessera/checkpoints';
import { ModelFormatError } from '@tessera/tensor-core';

const file = 'grads.json';

/** What a reference implementation says of the gradient of one published tensor. */
export interface ReferenceGradient {
  /** L2 norm. */
  readonly norm: number;
  /** Flat places, row-major in the published shape. */
  readonly index: readonly number[];
  /** The gradient there. */
  readonly value: readonly number[];
}

/** Loss and gradients of a reference: of the mean cross-entropy of each next token of `input_ids`. */
export interface ReferenceGradients {
  readonly loss: number;
  /** By published name. */
  readonly tensors: ReadonlyMap<string, ReferenceGradient>;
  /** Published tensors that the reference does not train. */
  readonly without: ReadonlySet<string>;
}

/**
 * Reads `grads.json` of a conformance directory.
 * @throws {@link ModelFormatError} when it is not there or not of its form
 */
export async function readReferenceGradients(source: FileSource, signal: AbortSignal): Promise<ReferenceGradients> {
  const json = await readJsonIfPresent(source, file, { signal });
  if (json === undefined)
    throw new ModelFormatError(
      `${source.name}: there is no ${file}, expected the gradients of a reference implementation. Leave --grads out, or give a directory that has them.`,
      { facts: { source: source.name, missing: file } },
    );
  const { loss, params, without_gradient: without = [] } = record(json);
  if (typeof loss !== 'number') throw wrong('loss', 'a number');
  if (!Array.isArray(without) || without.some((name) => typeof name !== 'string'))
    throw wrong('without_gradient', 'a list of names');
  const tensors = Object.entries(record(params, 'params')).map(
    ([name, value]) => [name, tensorOf(name, value)] as const,
  );
  return { loss, tensors: new Map(tensors), without: new Set(without as string[]) };
}

function tensorOf(name: string, json: unknown): ReferenceGradient {
  const { norm, index, value } = record(json, name);
  const numbers = (list: unknown): list is number[] => Array.isArray(list) && list.every((n) => typeof n === 'number');
  if (typeof norm !== 'number' || !numbers(index) || !numbers(value) || index.length !== value.length)
    throw wrong(name, 'a norm, and as many places as values');
  return { norm, index, value };
}

function record(json: unknown, where = 'the file'): Readonly<Record<string, unknown>> {
  if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json as Record<string, unknown>;
  throw wrong(where, 'a record');
}

function wrong(where: string, expected: string): ModelFormatError {
  return new ModelFormatError(`${file}: ${where} is not ${expected}.`, { facts: { file, field: where } });
}
