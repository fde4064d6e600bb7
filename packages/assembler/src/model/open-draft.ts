import type { Device, Tensor } from '@tessera/tensor-core';
import { disposeTree, fromHost } from '@tessera/tensor-core';

interface DraftStep {
  /** What a commit needs of it. */
  readonly record: readonly Tensor[];
  /** Entries of the step. */
  readonly n: number;
  /** Those of each row that count. */
  readonly lengths: readonly number[];
}

/** Steps that may be taken back, with the state before them. */
export class OpenDraft {
  readonly #snapshot: readonly Tensor[];
  readonly #steps: DraftStep[] = [];

  constructor(snapshot: readonly Tensor[]) {
    this.#snapshot = snapshot;
  }

  /** Entries of each step. */
  get steps(): readonly number[] {
    return this.#steps.map(({ n }) => n);
  }

  /** Entries of all steps. */
  get entries(): number {
    return this.steps.reduce((sum, n) => sum + n, 0);
  }

  /** Entries of a row that count. */
  entriesOf(row: number): number {
    return this.#steps.reduce((sum, { lengths }) => sum + lengths[row]!, 0);
  }

  add(step: DraftStep): void {
    this.#steps.push(step);
  }

  /** What a commit is given before the state after the steps. */
  commitInputs(paths: readonly (readonly number[])[], depth: number): Tensor[] {
    const B = paths.length;
    return [
      matrix(paths, depth),
      fromHost(
        Int32Array.from(paths, (path) => path.length),
        [B],
      ),
      ...(this.#steps.length > 1 ? [matrix(this.#order(B), this.entries)] : []),
      ...this.#steps.flatMap(({ record }) => record),
      ...this.#snapshot,
    ];
  }

  dispose(): void {
    disposeTree(this.#steps.map(({ record }) => record));
    disposeTree(this.#snapshot);
  }

  /** For each row where its entries stand when those of all steps are put together. */
  #order(B: number): number[][] {
    return Array.from({ length: B }, (_, b) => {
      let from = 0;
      return this.#steps.flatMap(({ n, lengths }) => {
        const entries = Array.from({ length: lengths[b]! }, (__, index) => from + index);
        from += n;
        return entries;
      });
    });
  }
}

/** What a draft step is given before the state. */
export function draftInputs(
  rows: readonly (readonly number[])[],
  parents: readonly (readonly number[])[] | undefined,
  n: number,
): Tensor[] {
  return [
    matrix(rows, n),
    fromHost(
      Int32Array.from(rows, (row) => row.length),
      [rows.length],
    ),
    ...(parents ? [matrix(parents, n), matrix(parents.map(depthsOf), n)] : []),
  ];
}

/** Entries of a step over so many: where programs are dear to compile, few lengths occur. */
export function draftLength(entries: number, { onHost }: Pick<Device, 'onHost'>, most: number): number {
  return onHost || entries === 1
    ? entries
    : Math.max(entries, Math.min(most, 1 + 2 ** Math.ceil(Math.log2(entries - 1))));
}

function depthsOf(parents: readonly number[]): number[] {
  const depths: number[] = [];
  for (const parent of parents) depths.push(parent < 0 ? 0 : depths[parent]! + 1);
  return depths;
}

/** `[B, n]`, i32; rows that are shorter end in zeros. */
function matrix(rows: readonly (readonly number[])[], n: number): Tensor {
  const data = new Int32Array(rows.length * n);
  rows.forEach((row, b) => data.set(row, b * n));
  return fromHost(data, [rows.length, n]);
}
