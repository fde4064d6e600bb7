import type { Device, Tensor } from '@tessera/tensor-core';
import {
  ContextOverflowError,
  FeatureUnavailableError,
  ShapeError,
  UnsupportedOptionError,
  disposeTree,
  fromHost,
} from '@tessera/tensor-core';
import { capacityOf } from '../generation/capacity.ts';
import { checkIds, checkLearnedPositions } from './check-rows.ts';
import type { OpenDraft } from './open-draft.ts';
import { draftLength } from './open-draft.ts';
import { nextStep } from './step-lengths.ts';
import type { SessionSize, StepPrograms } from './step-programs.ts';

/** How a session reads. */
export interface FeedOptions {
  /** Aborts between two steps: rejects with `signal.reason`. What was read until then stays read. */
  readonly signal?: AbortSignal | undefined;
  /** Awaited between the steps of a long text. */
  readonly pause?: (() => Promise<void>) | undefined;
}

/** Tokens of each row. */
export type TokenRows = readonly (readonly number[])[];

/** What a session remembers, and the steps that read more: a session and the rounds that go on in it share one. */
export class SessionState {
  readonly programs: StepPrograms;
  readonly size: SessionSize;
  /** Positions read of each row. */
  readonly lengths: number[];
  /** The leaves of what it remembers. */
  leaves: readonly Tensor[];
  /** Steps that may be taken back. */
  draft: OpenDraft | undefined;
  /** Steps that were started and not waited for, the oldest first. */
  readonly #underWay: Promise<unknown>[] = [];
  #disposed = false;

  private constructor(programs: StepPrograms, size: SessionSize, leaves: readonly Tensor[]) {
    this.programs = programs;
    this.size = size;
    this.lengths = new Array<number>(size.batch).fill(0);
    this.leaves = leaves;
  }

  /** See `Session.open`. */
  static async open(programs: StepPrograms, size: SessionSize): Promise<SessionState> {
    for (const [option, value] of Object.entries(size))
      if (!Number.isSafeInteger(value) || value < 1)
        throw new UnsupportedOptionError(`session: ${option} is ${String(value)}, expected a whole number from 1.`, {
          facts: { option, value },
        });
    const { resolved } = programs.graph;
    checkLearnedPositions(resolved.spec, size.capacity, 'A session of');
    const own = { ...size, capacity: capacityOf(resolved, size.capacity) };
    return new SessionState(programs, own, await programs.start(own));
  }

  /** Entries that steps which may be taken back bring at most together. */
  get longestDraft(): number {
    return this.lengthsOfSteps[0]!;
  }

  /** Entries of the steps that a text is read by, the longest first. */
  get lengthsOfSteps(): readonly number[] {
    return this.programs.lengths(this.size.capacity);
  }

  /** Reads tokens without logits of any; resolves when the last step was started. */
  async read(rows: TokenRows, options: FeedOptions = {}): Promise<void> {
    this.checkRows(rows);
    await this.steps(rows, this.lengthsOfSteps, options, (call) => this.step(call));
  }

  /**
   * Runs steps over rows. A device that works beside the host has two of them at once, so that it need not wait and an abort
   * stops it soon. Of short ones it is told by several at once: of each alone would take as long as to start it.
   */
  async steps(
    rows: TokenRows,
    lengths: readonly number[],
    { signal, pause }: FeedOptions,
    step: (call: StepCall) => Promise<Step | undefined>,
  ): Promise<void> {
    const { device } = this.programs;
    const longest = Math.max(...rows.map((row) => row.length));
    for (let at = 0, untold = 0; at < longest;) {
      signal?.throwIfAborted();
      const n = nextStep(longest - at, lengths);
      // What comes next is behind the last step of a device anyway.
      const last = !device.onHost && at + n >= longest;
      untold += n;
      const told = !last && untold >= entriesUntold(device);
      const made = await step({ chunk: rows.map((row) => row.slice(at, at + n)), n, at, told });
      if (made) this.#underWay.push(made.done);
      if (told) untold = 0;
      at += n;
      if (last) break;
      while (this.#underWay.length >= stepsAtOnce(device)) await this.#underWay.shift();
      if (at < longest) await pause?.();
    }
  }

  /** Starts a step without logits. Gives when it is done if that is to be told. */
  step({ chunk, n, told }: StepCall): Promise<Step | undefined> {
    return this.programs.step({ ...this.size, n, logits: 'none' }, this.#inputs(chunk, n), (leaves) => {
      this.#advance(chunk, leaves);
      if (!told) return undefined;
      // Its smallest part comes when all of the step is done.
      const [smallest] = leaves.toSorted((a, b) => a.size - b.size);
      const done = this.programs.device.read(smallest!);
      done.catch(() => {}); // Who waits for it is told; after an abort nobody does.
      return { done };
    });
  }

  /** A step with the logits after the last entry of each row, `[B, V]`. */
  async stepWithLogits(chunk: TokenRows, n: number): Promise<Float32Array> {
    const { device } = this.programs;
    let logits: Tensor | undefined;
    try {
      return (await this.programs.step({ ...this.size, n, logits: 'last' }, this.#inputs(chunk, n), (outputs) => {
        [logits] = outputs;
        this.#advance(chunk, outputs.slice(1));
        return device.read(logits!);
      })) as Float32Array;
    } finally {
      logits?.dispose();
    }
  }

  /** Waits for all steps; rejects with what went wrong in one of them. */
  async caughtUp(): Promise<void> {
    await Promise.all(this.#underWay.splice(0));
  }

  /** Entries of the step that reads so many tokens after others that are open. */
  draftLength(tokens: number, before: number): number {
    const longest = this.longestDraft;
    const n = draftLength(tokens, this.programs.device, longest - before);
    if (before + n <= longest) return n;
    throw new UnsupportedOptionError(
      `readDraft: ${before + n} entries that may be taken back, and the session has room for ${longest} of them. Draft fewer.`,
      { facts: { entries: before + n, longest } },
    );
  }

  /** @throws {@link FeatureUnavailableError} when it was disposed */
  checkAlive(): void {
    if (this.#disposed) throw new FeatureUnavailableError('The session was disposed. Open another one.');
  }

  checkNoDraft(): void {
    if (this.draft)
      throw new FeatureUnavailableError('The session has read a draft. Call commitDraft with what stays of it first.');
  }

  checkRows(rows: TokenRows): void {
    this.checkCount(rows.length, 'feed');
    this.checkNoDraft();
    rows.forEach((row, b) => {
      this.checkIds(row, `feed, row ${b}`);
      this.checkRoom(this.lengths[b]! + row.length, b);
    });
  }

  checkCount(rows: number, where: string): void {
    const { batch } = this.size;
    this.checkAlive();
    if (rows !== batch)
      throw new ShapeError(`${where}: ${rows} rows, and the session has ${batch}. Give [] to rows that rest.`, {
        facts: { rows, batch },
      });
  }

  checkIds(ids: readonly number[], where: string): void {
    checkIds(ids, this.programs.graph.resolved.spec.vocabSize, where);
  }

  checkRoom(positions: number, row: number): void {
    const { capacity } = this.size;
    if (positions > capacity)
      throw new ContextOverflowError(
        `${positions} positions do not fit the session's ${capacity}. Open it with a larger capacity.`,
        { facts: { row, positions, capacity } },
      );
  }

  /** Frees what it remembers. Idempotent. */
  dispose(): void {
    this.#disposed = true;
    this.draft?.dispose();
    this.draft = undefined;
    disposeTree(this.leaves);
    this.leaves = [];
  }

  #inputs(chunk: TokenRows, n: number): Tensor[] {
    const { batch: B } = this.size;
    const tokens = new Int32Array(B * n);
    chunk.forEach((row, b) => tokens.set(row, b * n));
    const lengths = Int32Array.from(chunk, (row) => row.length);
    const starts = fromHost(new Int32Array(B), [B]);
    return [fromHost(tokens, [B, n]), starts, fromHost(lengths, [B]), ...this.leaves];
  }

  #advance(chunk: TokenRows, leaves: readonly Tensor[]): void {
    this.leaves = leaves;
    chunk.forEach((row, b) => (this.lengths[b]! += row.length));
  }
}

/** A step of a text. */
export interface StepCall {
  readonly chunk: TokenRows;
  /** Entries of it. */
  readonly n: number;
  /** Tokens of the text before it. */
  readonly at: number;
  /** True: it is to be told when the device has done it. */
  readonly told: boolean;
}

/** A step that was started. In a record, since a promise would be waited for. */
export interface Step {
  /** Settles when the device has done it. */
  readonly done: Promise<unknown>;
}

/** Entries of a row that are read until it is told that they are. */
function entriesUntold({ onHost }: Device): number {
  return onHost ? 0 : 256;
}

/** Steps that are told of and under way at once: one that is awaited and one behind it, where the device works beside the host. */
export function stepsAtOnce({ onHost }: Device): number {
  return onHost ? 1 : 2;
}
