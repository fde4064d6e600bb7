import type { DeviceSampling, SamplerRow, SamplingOptions } from '@tessera/sampling';
import { deviceSampler, deviceSamplingOf } from '@tessera/sampling';
import type { Device, HostArray, Tensor } from '@tessera/tensor-core';
import {
  ContextOverflowError,
  FeatureUnavailableError,
  ShapeError,
  UnsupportedOptionError,
  disposeTree,
  fillTree,
  fromHost,
  mapTree,
  treeLeaves,
} from '@tessera/tensor-core';
import { capacityOf } from '../generation/capacity.ts';
import { ChainRounds } from './chain-rounds.ts';
import type { ChainRow } from './chain-rounds.ts';
import { checkIds, checkLearnedPositions } from './check-rows.ts';
import { Choices } from './choices.ts';
import { DraftsOfModel } from './drafts-of-model.ts';
import { OpenDraft, draftInputs, draftLength } from './open-draft.ts';
import type { SessionInside } from './session-inside.ts';
import { nextStep } from './step-lengths.ts';
import { changing } from './step-programs.ts';
import type { SessionSize, StepPrograms } from './step-programs.ts';

/** How a session reads. */
export interface FeedOptions {
  /** Aborts between two steps: rejects with `signal.reason`. What was read until then stays read. */
  readonly signal?: AbortSignal | undefined;
  /** Awaited between the steps of a long text. */
  readonly pause?: (() => Promise<void>) | undefined;
}

/** How {@link Session.chainRounds} go. */
export interface ChainRoundsOptions {
  /** How many tokens a draft may have, ascending: each is a program to compile when it is needed, and a draft takes the first that holds it. */
  readonly depths: readonly number[];
  /** Proposes on the same device; absent: the caller proposes. */
  readonly draft?: ChainDraft | undefined;
}

/** A model that proposes on the device of its target. */
export interface ChainDraft {
  /** Has read nothing; stays the caller's. */
  readonly session: Session;
  /** How it chooses, for each row. */
  readonly options: readonly SamplingOptions[];
  /**
   * For each row tokens that stand in for those it chooses, by their number in the text, −1 for none: what a measurement with a
   * given acceptance needs. @defaultValue none
   */
  readonly instead?: readonly (readonly number[])[] | undefined;
}

/** Sequences that a model reads step by step, with what it remembers of them. */
export class Session {
  readonly #programs: StepPrograms;
  readonly #size: SessionSize;
  /** Positions read of each row. */
  readonly #lengths: number[];
  #state: readonly Tensor[];
  /** Steps that were started and not waited for, the oldest first. */
  readonly #underWay: Promise<unknown>[] = [];
  /** Steps that may be taken back. */
  #open: OpenDraft | undefined;
  #disposed = false;

  private constructor(programs: StepPrograms, size: SessionSize, state: readonly Tensor[]) {
    this.#programs = programs;
    this.#size = size;
    this.#lengths = new Array<number>(size.batch).fill(0);
    this.#state = state;
  }

  /**
   * A session with room for `capacity` positions a row; without a limit where the model has a cache policy that needs none.
   * @throws {@link UnsupportedOptionError} for a size that is no whole number from 1
   * @throws {@link ContextOverflowError} for more positions than the model has learned
   */
  static async open(programs: StepPrograms, size: SessionSize): Promise<Session> {
    for (const [option, value] of Object.entries(size))
      if (!Number.isSafeInteger(value) || value < 1)
        throw new UnsupportedOptionError(`session: ${option} is ${String(value)}, expected a whole number from 1.`, {
          facts: { option, value },
        });
    const { resolved } = programs.graph;
    checkLearnedPositions(resolved.spec, size.capacity, 'A session of');
    const own = { ...size, capacity: capacityOf(resolved, size.capacity) };
    return new Session(programs, own, await programs.start(own));
  }

  /** Where it computes. */
  get device(): Device {
    return this.#programs.device;
  }

  /** Positions read so far by the longest row. */
  get length(): number {
    return Math.max(...this.#lengths);
  }

  /** Entries that steps which may be taken back bring at most together. */
  get longestDraft(): number {
    return this.#lengthsOfSteps[0]!;
  }

  /** Entries for which a row has room. */
  roomOf(row: number): number {
    return this.#size.capacity - this.#lengths[row]!;
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
   * @throws {@link DeviceLostError} when the device is lost
   */
  async feed(rows: readonly (readonly number[])[], options: FeedOptions = {}): Promise<Float32Array> {
    this.#checkRows(rows);
    const { vocabSize: V } = this.#programs.graph.resolved.spec;
    const logits = new Float32Array(this.#size.batch * V);
    // A single token is what a host that chooses by logits feeds again and again.
    const single = rows.every((row) => row.length <= 1);
    const lengths = single ? [1] : this.#lengthsOfSteps;
    await this.#steps(rows, lengths, options, async ({ chunk, n, at }) => {
      const ending = rows.flatMap((row, b) => (row.length > at && row.length <= at + n ? [b] : []));
      if (ending.length === 0) return this.#step(chunk, n);
      const made = await this.#stepWithLogits(chunk, n);
      for (const b of ending) logits.set(made.subarray(b * V, (b + 1) * V), b * V);
      return undefined;
    });
    await this.#caughtUp();
    return logits;
  }

  /**
   * Reads tokens as {@link Session.feed} does, without logits of any, which a device need not compute then. Resolves when the
   * last step was started; what goes wrong in it rejects the call that follows.
   */
  async read(rows: readonly (readonly number[])[], options: FeedOptions = {}): Promise<void> {
    this.#checkRows(rows);
    await this.#steps(rows, this.#lengthsOfSteps, options, ({ chunk, n }) => this.#step(chunk, n));
  }

  /**
   * Reads tokens for the time being: {@link Session.commitDraft} says which of them stay, and nothing else is possible before. May
   * be called several times, of chains. A row without tokens stays as it is.
   * @param rows - tokens of each row
   * @param parents - of a tree the parent of each token, −1 for the last one that was read before
   * @returns logits after each token, `[B, n, V]` with n at least the longest row's, row-major
   * @throws {@link UnsupportedOptionError} for more entries than {@link Session.longestDraft}
   * @throws {@link ContextOverflowError} when they do not fit
   */
  async readDraft(
    rows: readonly (readonly number[])[],
    parents?: readonly (readonly number[])[],
  ): Promise<Float32Array> {
    const [logits] = await this.#readDraft(rows, parents, false);
    return logits!;
  }

  /**
   * {@link Session.readDraft} with what the output matrix read of each token, after the final norm: for whoever guesses from it
   * what comes next.
   * @returns logits `[B, n, V]` and hidden `[B, n, D]`, row-major
   * @throws as {@link Session.readDraft}
   */
  async readDraftWithHidden(
    rows: readonly (readonly number[])[],
    parents?: readonly (readonly number[])[],
  ): Promise<{ readonly logits: Float32Array; readonly hidden: Float32Array }> {
    const [logits, hidden] = await this.#readDraft(rows, parents, true);
    return { logits: logits!, hidden: hidden! };
  }

  /**
   * Compiles the step that reads so many tokens for the time being, so that what cannot be is refused before anything is read.
   * @param tree - true: the tokens will be a tree
   * @param hidden - true: they will be read by {@link Session.readDraftWithHidden}
   * @throws as {@link Session.readDraft}
   */
  async prepareDraft(tokens: number, tree = false, hidden = false): Promise<void> {
    this.#checkAlive();
    const n = this.#draftLength(tokens, 0);
    await this.#programs.prepareDraft({ ...this.#size, n, tree, again: false, hidden });
  }

  /**
   * Keeps of what {@link Session.readDraft} read only the tokens on a path; all else leaves no trace.
   * @param paths - for each row the numbers of the tokens that stay, in order, counted over all calls
   * @throws {@link FeatureUnavailableError} when nothing was read
   */
  async commitDraft(paths: readonly (readonly number[])[]): Promise<void> {
    this.#checkAlive();
    const open = this.#open;
    if (!open || paths.length !== this.#size.batch)
      throw new FeatureUnavailableError(
        `commitDraft: ${open ? `${paths.length} paths for ${this.#size.batch} rows` : 'nothing was read by readDraft'}. Give each row a path after readDraft.`,
      );
    const depth = draftLength(Math.max(1, ...paths.map((path) => path.length)), this.#programs.device, open.entries);
    const form = { ...this.#size, steps: open.steps, depth };
    this.#state = await this.#programs.commit(form, [...open.commitInputs(paths, depth), ...this.#state]);
    this.#open = undefined;
    paths.forEach((path, b) => (this.#lengths[b]! += path.length));
  }

  /**
   * Goes on by itself: the device chooses tokens and reads them. The last token of each row's history must not have been read
   * before. Choices that are left early may have read one token more than was taken, see {@link Session.length}.
   * @param rows - history and options of each row
   * @param most - tokens of each row at most
   * @throws {@link FeatureUnavailableError} for options that need logits on the host
   * @throws {@link UnsupportedOptionError} when an option names an id outside the vocabulary
   * @throws {@link ContextOverflowError} when they do not fit
   */
  async choices(rows: readonly SamplerRow[], most: number): Promise<Choices> {
    this.#checkCount(rows.length, 'choices');
    this.#checkNoDraft();
    rows.forEach(({ history: { prompt, generated } }, b) => {
      this.#checkIds([...Array.from(prompt), ...Array.from(generated)], `choices, row ${b}`);
      this.#checkRoom(this.#lengths[b]! + most, b);
    });
    const sampling = samplingOf(rows, 'choices');
    const { device, graph } = this.#programs;
    const { vocabSize } = graph.resolved.spec;
    const given = deviceSampler(rows, sampling, vocabSize);
    const { program, release } = await this.#programs.choice(this.#size, sampling);
    let sampler = given;
    const free = (): void => {
      disposeTree(sampler);
      release();
    };
    try {
      this.#checkAlive();
      sampler = mapTree(given, (leaf) => device.upload((leaf.source as { data: HostArray }).data, leaf));
    } catch (error) {
      free();
      throw error;
    }
    // Up to the first `await` in one turn, so that run and reading are one submit.
    const step = async (): Promise<HostArray> => {
      this.#checkAlive();
      const outputs = program.run([...treeLeaves(sampler), ...this.#state]);
      const changed = fillTree(changing(sampler), outputs);
      sampler = { ...sampler, ...changed };
      this.#state = outputs.slice(treeLeaves(changed).length);
      this.#lengths.forEach((length, b) => (this.#lengths[b] = length + 1));
      // A copy as it is now, before the next step takes it over; and what went wrong in steps that read the prompt.
      const [choice] = await Promise.all([device.read(sampler.choice), this.#caughtUp()]);
      return choice;
    };
    return new Choices({ step, most, atOnce: stepsAtOnce(device), vocabSize, free });
  }

  /**
   * Rounds of speculation that the device decides by itself. The last token of each row's history must not have been read before.
   * @param rows - history, options and limit of each row; what a round chooses is counted from then on
   * @throws {@link FeatureUnavailableError} for options that need logits on the host, or a model elsewhere
   * @throws {@link UnsupportedOptionError} when an option names an id outside the vocabulary
   * @throws {@link ContextOverflowError} when the rows do not fit
   */
  chainRounds(rows: readonly ChainRow[], { depths, draft }: ChainRoundsOptions): ChainRounds {
    this.#checkCount(rows.length, 'chainRounds');
    this.#checkNoDraft();
    const { vocabSize } = this.#programs.graph.resolved.spec;
    const drafting = (model: ChainDraft): DraftsOfModel => {
      const { session, options, instead } = model;
      session.#checkCount(rows.length, 'chainRounds');
      if (session.device !== this.device || session.#programs.graph.resolved.spec.vocabSize < vocabSize)
        throw new FeatureUnavailableError(
          'chainRounds: a model that proposes on the device of the target has to be there, and to have its tokens. Propose from the host.',
        );
      const chosen = rows.map(({ history }, b) => ({ history, options: options[b]! }));
      const sampling = samplingOf(chosen, 'chainRounds');
      const { settings } = deviceSampler(chosen, sampling, vocabSize);
      const unread = rows.map(({ history: { prompt, generated } }) =>
        [...Array.from(prompt), ...Array.from(generated)].slice(0, -1),
      );
      return new DraftsOfModel({ session: session.#inside(), sampling, settings, vocabSize, unread, instead });
    };
    return new ChainRounds({
      session: this.#inside(),
      rows,
      sampling: samplingOf(rows, 'chainRounds'),
      depths,
      model: draft && drafting(draft),
    });
  }

  /** Frees the state. Idempotent. */
  dispose(): void {
    this.#disposed = true;
    this.#open?.dispose();
    this.#open = undefined;
    disposeTree(this.#state);
    this.#state = [];
  }

  /** As {@link Session.dispose}, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  async #readDraft(
    rows: readonly (readonly number[])[],
    parents: readonly (readonly number[])[] | undefined,
    hidden: boolean,
  ): Promise<readonly Float32Array[]> {
    this.#checkCount(rows.length, 'readDraft');
    if (parents && this.#open)
      throw new FeatureUnavailableError('readDraft: a tree is read by one call, not after others.');
    rows.forEach((row, b) => {
      this.#checkIds(row, `readDraft, row ${b}`);
      this.#checkRoom(this.#lengths[b]! + (this.#open?.entriesOf(b) ?? 0) + row.length, b);
    });
    const { device } = this.#programs;
    const n = this.#draftLength(Math.max(1, ...rows.map((row) => row.length)), this.#open?.entries ?? 0);
    await this.#caughtUp();
    const again = this.#open !== undefined;
    const inputs = [...draftInputs(rows, parents, n), ...this.#state];
    let told: readonly Tensor[] = [];
    try {
      const form = { ...this.#size, n, tree: parents !== undefined, again, hidden };
      return (await this.#programs.draft(form, inputs, (made) => {
        this.#open ??= new OpenDraft(this.#state);
        this.#open.add({ record: made.record, n, lengths: rows.map((row) => row.length) });
        this.#state = made.state;
        told = made.told;
        return Promise.all(told.map((tensor) => device.read(tensor)));
      })) as Float32Array[];
    } finally {
      disposeTree(told);
    }
  }

  /** What rounds go on with. */
  #inside(): SessionInside {
    const state = { get: () => this.#state, set: (leaves: readonly Tensor[]) => void (this.#state = leaves) };
    return Object.defineProperty(
      {
        programs: this.#programs,
        size: this.#size,
        state: [],
        lengths: this.#lengths,
        longestDraft: this.longestDraft,
        checkAlive: () => this.#checkAlive(),
        caughtUp: () => this.#caughtUp(),
        read: (rows: readonly (readonly number[])[], options?: FeedOptions) => this.read(rows, options),
      },
      'state',
      state,
    );
  }

  get #lengthsOfSteps(): readonly number[] {
    return this.#programs.lengths(this.#size.capacity);
  }

  #checkAlive(): void {
    if (this.#disposed) throw new FeatureUnavailableError('The session was disposed. Open another one.');
  }

  #checkRows(rows: readonly (readonly number[])[]): void {
    this.#checkCount(rows.length, 'feed');
    this.#checkNoDraft();
    rows.forEach((row, b) => {
      this.#checkIds(row, `feed, row ${b}`);
      this.#checkRoom(this.#lengths[b]! + row.length, b);
    });
  }

  /** Entries of the step that reads so many tokens after others that are open. */
  #draftLength(tokens: number, before: number): number {
    const longest = this.longestDraft;
    const n = draftLength(tokens, this.#programs.device, longest - before);
    if (before + n <= longest) return n;
    throw new UnsupportedOptionError(
      `readDraft: ${before + n} entries that may be taken back, and the session has room for ${longest} of them. Draft fewer.`,
      { facts: { entries: before + n, longest } },
    );
  }

  #checkNoDraft(): void {
    if (this.#open)
      throw new FeatureUnavailableError('The session has read a draft. Call commitDraft with what stays of it first.');
  }

  #checkCount(rows: number, where: string): void {
    const { batch } = this.#size;
    this.#checkAlive();
    if (rows !== batch)
      throw new ShapeError(`${where}: ${rows} rows, and the session has ${batch}. Give [] to rows that rest.`, {
        facts: { rows, batch },
      });
  }

  #checkIds(ids: readonly number[], where: string): void {
    checkIds(ids, this.#programs.graph.resolved.spec.vocabSize, where);
  }

  #checkRoom(positions: number, row: number): void {
    const { capacity } = this.#size;
    if (positions > capacity)
      throw new ContextOverflowError(
        `${positions} positions do not fit the session's ${capacity}. Open it with a larger capacity.`,
        { facts: { row, positions, capacity } },
      );
  }

  /**
   * Runs steps over rows. A device that works beside the host has two of them at once, so that it need not wait and an abort
   * stops it soon.
   */
  async #steps(
    rows: readonly (readonly number[])[],
    lengths: readonly number[],
    { signal, pause }: FeedOptions,
    step: (call: { chunk: readonly (readonly number[])[]; n: number; at: number }) => Promise<Step | undefined>,
  ): Promise<void> {
    const { device } = this.#programs;
    const longest = Math.max(...rows.map((row) => row.length));
    for (let at = 0; at < longest;) {
      signal?.throwIfAborted();
      const n = nextStep(longest - at, lengths);
      const made = await step({ chunk: rows.map((row) => row.slice(at, at + n)), n, at });
      if (made) this.#underWay.push(made.done);
      at += n;
      if (at >= longest && !device.onHost) break;
      while (this.#underWay.length >= stepsAtOnce(device)) await this.#underWay.shift();
      if (at < longest) await pause?.();
    }
  }

  /** Waits for all steps; rejects with what went wrong in one of them. */
  async #caughtUp(): Promise<void> {
    await Promise.all(this.#underWay.splice(0));
  }

  /** Starts a step without logits. */
  #step(chunk: readonly (readonly number[])[], n: number): Promise<Step> {
    return this.#programs.step({ ...this.#size, n, logits: 'none' }, this.#inputs(chunk, n), (state) => {
      this.#advance(chunk, state);
      // Its smallest part comes when all of the step is done.
      const [smallest] = state.toSorted((a, b) => a.size - b.size);
      const done = this.#programs.device.read(smallest!);
      done.catch(() => {}); // Who waits for it is told; after an abort nobody does.
      return { done };
    });
  }

  async #stepWithLogits(chunk: readonly (readonly number[])[], n: number): Promise<Float32Array> {
    const { device } = this.#programs;
    let logits: Tensor | undefined;
    try {
      return (await this.#programs.step({ ...this.#size, n, logits: 'last' }, this.#inputs(chunk, n), (outputs) => {
        [logits] = outputs;
        this.#advance(chunk, outputs.slice(1));
        return device.read(logits!);
      })) as Float32Array;
    } finally {
      logits?.dispose();
    }
  }

  #inputs(chunk: readonly (readonly number[])[], n: number): Tensor[] {
    const { batch: B } = this.#size;
    const tokens = new Int32Array(B * n);
    chunk.forEach((row, b) => tokens.set(row, b * n));
    const lengths = Int32Array.from(chunk, (row) => row.length);
    const starts = fromHost(new Int32Array(B), [B]);
    return [fromHost(tokens, [B, n]), starts, fromHost(lengths, [B]), ...this.#state];
  }

  #advance(chunk: readonly (readonly number[])[], state: readonly Tensor[]): void {
    this.#state = state;
    chunk.forEach((row, b) => (this.#lengths[b]! += row.length));
  }
}

/** What a device does for rows together. */
function samplingOf(rows: readonly SamplerRow[], where: string): DeviceSampling {
  const kinds = rows.map(({ options }) => deviceSamplingOf(options));
  if (kinds.includes(undefined))
    throw new FeatureUnavailableError(
      `${where}: logitsProcessors and noRepeatNgramSize need logits on the host. Use feed, and choose there.`,
    );
  return { sampled: kinds.some((kind) => kind?.sampled), adjusted: kinds.some((kind) => kind?.adjusted) };
}

/** A step that was started. In a record, since a promise would be waited for. */
interface Step {
  /** Settles when the device has done it. */
  readonly done: Promise<unknown>;
}

/** Steps that are under way at once: one that is awaited and one behind it, where the device works beside the host. */
function stepsAtOnce({ onHost }: Device): number {
  return onHost ? 1 : 2;
}
