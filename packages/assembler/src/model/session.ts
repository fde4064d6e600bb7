import type { Tensor } from '@tessera/tensor-core';
import {
  ContextOverflowError,
  FeatureUnavailableError,
  ShapeError,
  UnsupportedOptionError,
  disposeTree,
  fromHost,
} from '@tessera/tensor-core';
import { checkIds, checkLearnedPositions } from './check-rows.ts';
import { longestStep } from './estimate.ts';
import type { LogitsOf, SessionSize, StepPrograms } from './step-programs.ts';

/** Lengths of a step, longest first. */
const stepLengths = [longestStep, 32, 8, 1] as const;

/** Entries of the next step: all that is left where that fills at least half of a step, else as many as fill one. */
function nextStep(left: number): number {
  const whole = stepLengths.findLast((length) => length >= left);
  return whole !== undefined && 2 * left >= whole ? whole : stepLengths.find((length) => length <= left)!;
}

/** How a session reads. */
export interface FeedOptions {
  /** Aborts between two steps: rejects with `signal.reason`. What was read until then stays read. */
  readonly signal?: AbortSignal | undefined;
  /** Awaited between the steps of a long text. */
  readonly pause?: (() => Promise<void>) | undefined;
}

/** Sequences that a model reads step by step, with what it remembers of them. */
export class Session {
  readonly #programs: StepPrograms;
  readonly #size: SessionSize;
  /** Positions read of each row. */
  readonly #lengths: number[];
  #state: readonly Tensor[];
  #disposed = false;

  private constructor(programs: StepPrograms, size: SessionSize, state: readonly Tensor[]) {
    this.#programs = programs;
    this.#size = size;
    this.#lengths = new Array<number>(size.batch).fill(0);
    this.#state = state;
  }

  /**
   * A session with room for `capacity` positions a row.
   * @throws {@link UnsupportedOptionError} for a size that is no whole number from 1
   * @throws {@link ContextOverflowError} for more positions than the model has learned
   */
  static async open(programs: StepPrograms, size: SessionSize): Promise<Session> {
    for (const [option, value] of Object.entries(size))
      if (!Number.isSafeInteger(value) || value < 1)
        throw new UnsupportedOptionError(`session: ${option} is ${String(value)}, expected a whole number from 1.`, {
          facts: { option, value },
        });
    checkLearnedPositions(programs.graph.resolved.spec, size.capacity, 'A session of');
    return new Session(programs, size, await programs.start(size));
  }

  /** Positions read so far by the longest row. */
  get length(): number {
    return Math.max(...this.#lengths);
  }

  /** Bytes of the state, which stay the same however much is read. */
  get stateBytes(): number {
    return this.#state.reduce(
      (total, leaf) => total + (leaf.source.kind === 'resident' ? leaf.source.storage.bytes : 0),
      0,
    );
  }

  /**
   * Reads tokens, one list a row, and gives the logits after the last of them. A row without tokens stays as it is, and its
   * logits are zeros. One call at a time.
   * @returns `[B, V]`, row-major
   * @throws {@link ContextOverflowError} when they do not fit
   * @throws {@link ShapeError} for another number of rows than the session has, or an id outside the vocabulary
   */
  async feed(rows: readonly (readonly number[])[], { signal, pause }: FeedOptions = {}): Promise<Float32Array> {
    this.#check(rows);
    const { vocabSize: V } = this.#programs.graph.resolved.spec;
    const longest = Math.max(...rows.map((row) => row.length));
    const logits = new Float32Array(this.#size.batch * V);
    for (let at = 0; at < longest;) {
      signal?.throwIfAborted();
      const n = nextStep(longest - at);
      const chunk = rows.map((row) => row.slice(at, at + n));
      const ending = rows.flatMap((row, b) => (row.length > at && row.length <= at + n ? [b] : []));
      const made = await this.#step(chunk, n, ending.length > 0 ? 'last' : 'none');
      for (const b of ending) logits.set(made!.subarray(b * V, (b + 1) * V), b * V);
      at += n;
      if (at < longest) await pause?.();
    }
    return logits;
  }

  /** Frees the state. Idempotent. */
  dispose(): void {
    this.#disposed = true;
    disposeTree(this.#state);
    this.#state = [];
  }

  /** As {@link Session.dispose}, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  #check(rows: readonly (readonly number[])[]): void {
    const { batch, capacity } = this.#size;
    if (this.#disposed) throw new FeatureUnavailableError('The session was disposed. Open another one.');
    if (rows.length !== batch)
      throw new ShapeError(`feed: ${rows.length} rows, and the session has ${batch}. Give [] to rows that rest.`, {
        facts: { rows: rows.length, batch },
      });
    rows.forEach((row, b) => {
      checkIds(row, this.#programs.graph.resolved.spec.vocabSize, `feed, row ${b}`);
      const positions = this.#lengths[b]! + row.length;
      if (positions > capacity)
        throw new ContextOverflowError(
          `${positions} positions do not fit the session's ${capacity}. Open it with a larger capacity.`,
          { facts: { row: b, positions, capacity } },
        );
    });
  }

  async #step(chunk: readonly (readonly number[])[], n: number, logits: LogitsOf): Promise<Float32Array | undefined> {
    const { batch: B } = this.#size;
    const tokens = new Int32Array(B * n);
    chunk.forEach((row, b) => tokens.set(row, b * n));
    const lengths = Int32Array.from(chunk, (row) => row.length);
    const starts = fromHost(new Int32Array(B), [B]);
    const inputs = [fromHost(tokens, [B, n]), starts, fromHost(lengths, [B]), ...this.#state];
    const outputs = await this.#programs.step({ ...this.#size, n, logits }, inputs);
    chunk.forEach((row, b) => (this.#lengths[b]! += row.length));
    if (logits === 'none') {
      this.#state = outputs;
      return undefined;
    }
    const [result, ...state] = outputs;
    this.#state = state;
    try {
      return (await this.#programs.device.read(result!)) as Float32Array;
    } finally {
      result!.dispose();
    }
  }
}
