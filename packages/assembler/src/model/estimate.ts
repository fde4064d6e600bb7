import type { ParamSpec } from '@tessera/plugin';
import { OutOfMemoryError, UnsupportedOptionError, sizeOf } from '@tessera/tensor-core';
import type { LanguageModelGraph } from './language-model.ts';
import type { WeightDtype } from './weight-dtype.ts';
import { parameterBytes, storageOf } from './weight-dtype.ts';

/** Memory that a model takes, computed before any of it is allocated. */
export interface MemoryEstimate {
  /** Number of learned numbers. */
  readonly parameters: number;
  readonly weightBytes: number;
  /** Bytes of the state of one sequence of `contextLength` positions; undefined when the model does not generate. */
  readonly stateBytes: number | undefined;
  readonly contextLength: number;
  readonly totalBytes: number;
}

/** Positions that one step brings at most on the host. */
export const longestStep = 128;

/**
 * Memory of a model whose weights are kept as `dtype` and which remembers `contextLength` positions.
 * @param chunk - positions that one step brings at most
 */
export function estimateMemory(
  graph: LanguageModelGraph,
  dtype: WeightDtype,
  contextLength: number,
  publishedDtype?: (path: string) => 'f32' | 'f16' | 'bf16',
  chunk: number = longestStep,
): MemoryEstimate {
  const params = Object.entries(graph.params()) as [string, ParamSpec][];
  const weightBytes = params.reduce(
    (total, [path, spec]) => total + parameterBytes(spec, storageOf(spec, dtype, publishedDtype?.(path))),
    0,
  );
  const stateBytes = graph.stack.decoding ? graph.stateBytes({ batch: 1, capacity: contextLength, chunk }) : undefined;
  return {
    parameters: params.reduce((total, [, spec]) => total + sizeOf(spec.shape), 0),
    weightBytes,
    stateBytes,
    contextLength,
    totalBytes: weightBytes + (stateBytes ?? 0),
  };
}

/**
 * Compares an estimate with the option `memoryLimit`.
 * @throws {@link OutOfMemoryError} with the numbers when the estimate is above the limit
 * @throws {@link UnsupportedOptionError} when the limit is no number of bytes
 */
export function checkMemory(estimate: MemoryEstimate, limit: number | undefined): void {
  if (limit === undefined) return;
  if (typeof limit !== 'number' || !(limit >= 0))
    throw new UnsupportedOptionError(`memoryLimit is ${String(limit)}, expected a number of bytes from 0.`, {
      facts: { option: 'memoryLimit', value: limit },
    });
  if (estimate.totalBytes <= limit) return;
  const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  throw new OutOfMemoryError(
    `The model needs ${mib(estimate.totalBytes)} (weights ${mib(estimate.weightBytes)}, state of ${estimate.contextLength} positions ${mib(estimate.stateBytes ?? 0)}), ` +
      `the limit is ${mib(limit)}. Choose a 16-bit dtype, a shorter contextLength, or a smaller model.`,
    { facts: { ...estimate, limit } },
  );
}
